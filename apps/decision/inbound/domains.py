"""Hosts in one spelling, and the patterns that source rules are made of.

What cannot be read as a host is said to be so, never guessed. Where readers differ about a name, both readings count.
"""

import ipaddress
import re
from functools import cache, lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

import idna
from publicsuffixlist import PublicSuffixList

from apps.decision.errors import BadInput

UNREADABLE: Final = "?"  # stands for an address that nobody can read; no rule names it
MORE: Final = "…"  # stands for all the addresses beyond those that are read; no rule names it
LONGEST: Final = 253
_MOST_WRITTEN: Final = 1_000  # characters of a host as it was written: percent-encoding makes it long
_PLAIN: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){1,40}[a-z][a-z-]{0,61}[a-z]", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}", re.ASCII)
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
# Readers of the older standard write these otherwise, so that a name has two readings.
_OLDER: Final = {"\u00df": "ss", "\u1e9e": "ss", "\u03c2": "\u03c3", "\u200c": "", "\u200d": ""}
_DEVIATING: Final = frozenset(_OLDER)
_TRANSLATED: Final = str.maketrans(_OLDER)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def spelled(host: str) -> tuple[str, ...]:
    """Every reading of a host as it stands in an address, without user and port; `UNREADABLE` where there is none."""
    plain = host.lower()
    if _PLAIN.fullmatch(plain):
        return (plain,) if len(plain) <= LONGEST else (UNREADABLE,)
    if len(host) > _MOST_WRITTEN:
        return (UNREADABLE,)
    if "%" in host and not host.startswith("["):
        try:
            host = unquote_to_bytes(host).decode()
        except UnicodeError:
            return (UNREADABLE,)
    if host.startswith("["):
        return _ip6(host[1:].removesuffix("]"))
    readings = [_name(host)]
    if not _DEVIATING.isdisjoint(host):
        readings.append(_name(host.translate(_TRANSLATED)))
    return tuple(dict.fromkeys(readings))


def _name(host: str) -> str:
    if not host.isascii():
        try:
            host = idna.uts46_remap(_DOTS.sub(".", host), std3_rules=False)
            host = ".".join(_punycode(label) for label in host.split("."))
        except UnicodeError:  # idna's errors are of this kind
            return UNREADABLE
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        return UNREADABLE
    return _ip4(labels) if _NUMBER.fullmatch(labels[-1]) else host


def _punycode(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def _ip4(labels: list[str]) -> str:
    """One spelling for 127.1, 0x7f000001, 017700000001 and 2130706433, as browsers and C libraries read them."""
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        return UNREADABLE
    try:
        numbers = [_number(label) for label in labels]
    except ValueError:
        return UNREADABLE
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return UNREADABLE
    for place, number in enumerate(first):
        last += number << (8 * (3 - place))
    return str(ipaddress.IPv4Address(last))


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def _ip6(text: str) -> tuple[str, ...]:
    try:
        address = ipaddress.IPv6Address(text.replace("%25", "%").partition("%")[0])
    except ValueError:
        return (UNREADABLE,)
    if address.ipv4_mapped is not None:
        return (str(address.ipv4_mapped),)
    if address in _NAT64:
        return (str(address), str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return (str(address),)


def is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


# --- public suffixes --------------------------------------------------------------------------------------------------


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(8192)
def suffix_of(host: str) -> str:
    """What of a name is under nobody's control alone: `co.uk`, `github.io`; of a name the list does not know, its last
    label. "" for an IP address."""
    return "" if is_ip(host) else (_suffixes().publicsuffix(host) or "")


def registrable(host: str) -> str:
    """What of a name somebody registered: `evil.example` of `a.b.evil.example`; "" for an IP address, a public suffix
    and a single label."""
    return "" if is_ip(host) else (_suffixes().privatesuffix(host) or "")


def listed(host: str) -> bool:
    """Whether the list itself says that this very name is a public suffix."""
    return _suffixes().publicsuffix(host, accept_unknown=False) == host


# --- patterns ---------------------------------------------------------------------------------------------------------


def pattern_of(text: str) -> str:
    """A domain pattern in the one spelling: a host, or `*.` and one. Raises BadInput for what can be no rule."""
    written = text.strip()
    wild = written.startswith("*.")
    host = written.removeprefix("*.")
    if not host or any(sign in host for sign in "/\\@?#* \t\n") or "://" in host:
        raise _refused("Give a host alone, docs.example.com, or *.example.com: no scheme, path, port or user.")
    if ":" in host:
        return _ip6_pattern(host, wild)
    name = spelled(host)[0]
    if name == UNREADABLE:
        raise _refused("This is no host name or IP address that can be read.")
    if is_ip(name):
        if wild:
            raise _refused("An IP address has nothing below it: give the address alone.")
        return name
    if "." not in name and wild:
        raise _refused(f"*.{name} is too much: everything below a single label. Name a domain, *.example.{name}.")
    if listed(name):
        raise _refused(
            f"{name} is a public suffix: names below it belong to anybody. Name a domain, such as example.{name}."
        )
    return f"*.{name}" if wild else name


def _ip6_pattern(host: str, wild: bool) -> str:
    readings = _ip6(host.removeprefix("[").removesuffix("]"))
    if wild or readings[0] == UNREADABLE:
        raise _refused("Give a host alone, without a port; an IPv6 address may stand in brackets.")
    return readings[0]


def _refused(why: str) -> BadInput:
    return BadInput("The pattern cannot be used.", code="bad_pattern", fields={"pattern": why})
