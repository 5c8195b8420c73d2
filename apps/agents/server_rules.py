"""What a registered MCP server may look like. Pure checks; each returns its complaints by field.

A gateway connects to the URL or runs the command with its own network position and rights, so registering a server is
for admins alone. Addresses that only ever mean trouble (link-local, where clouds keep their metadata service;
multicast; unspecified) are refused here. Private and loopback addresses are where most MCP servers live and are
allowed: what else the gateway must not reach is a matter of its network's egress rules, since a name can resolve to
anything at connect time.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from apps.decision.types import Action

MAX_ITEMS = 100
MAX_VALUE = 8192
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_TOOL = re.compile(r"[\x20-\x7e]{1,200}")
# The gateway speaks HTTP and MCP itself; a configured header may not contradict it.
_OWN_HEADERS = {
    "accept", "connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive",
    "last-event-id", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_METADATA_ADDRESSES = {"fd00:ec2::254", "fd20:ce::254", "100.100.100.200"}  # of clouds that use no link-local one
_METADATA_NAMES = {"metadata", "metadata.google.internal", "instance-data"}

Complaints = dict[str, str]


def check(*, transport: str, url: str, command: Sequence[str], headers: Sequence[str]) -> Complaints:
    """Whether the parts fit the transport and each other; `headers` are the names that are set."""
    if transport == "http":
        found = {"command": "An HTTP server has no command."} if command else {}
        return found | check_url(url)
    if transport == "stdio":
        found = {"url": "A stdio server has no URL."} if url else {}
        found |= {"headers": "A stdio server has no headers."} if headers else {}
        return found | check_command(command)
    return {"transport": "Use http or stdio."}


def check_url(url: str) -> Complaints:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return {"url": "This is not a URL."}
    if _CONTROL.search(url) or " " in url or "\\" in url or len(url) > 2000:
        return {"url": "A URL has no spaces, backslashes or control characters, and at most 2000 characters."}
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return {"url": "Use an http or https URL with a host."}
    if parts.username is not None or parts.password is not None:
        return {"url": "Credentials do not belong in a URL."}
    if parts.fragment:
        return {"url": "A URL to call has no fragment."}
    if _leads_nowhere_good(host):
        return {"url": "This address is link-local, multicast or unspecified: nothing good is there."}
    return {}


def check_command(command: Sequence[str]) -> Complaints:
    if not command or not command[0].strip():
        return {"command": "Give the program and its arguments as a list."}
    if len(command) > MAX_ITEMS or any("\x00" in part or len(part) > MAX_VALUE for part in command):
        return {"command": f"At most {MAX_ITEMS} parts of {MAX_VALUE} characters, without NUL."}
    return {}


def check_environment(values: Mapping[str, str]) -> Complaints:
    if len(values) > MAX_ITEMS or not all(_VARIABLE.fullmatch(name) for name in values):
        return {"environment": f"At most {MAX_ITEMS} variables, named with letters, digits and underscores."}
    if any("\x00" in value or len(value) > MAX_VALUE for value in values.values()):
        return {"environment": f"A value has at most {MAX_VALUE} characters and no NUL."}
    return {}


def check_headers(values: Mapping[str, str]) -> Complaints:
    if len(values) > MAX_ITEMS or not all(_HEADER_NAME.fullmatch(name) for name in values):
        return {"headers": f"At most {MAX_ITEMS} headers with HTTP names."}
    if reserved := sorted(n for n in values if n.lower() in _OWN_HEADERS or n.lower().startswith("mcp-")):
        return {"headers": f"The gateway sets these itself: {', '.join(reserved)}."}
    if any(not _HEADER_VALUE.fullmatch(value) or len(value) > MAX_VALUE for value in values.values()):
        return {"headers": f"A value has at most {MAX_VALUE} ASCII characters and no control characters."}
    return {}


def check_tool_actions(actions: Mapping[str, str]) -> Complaints:
    verbs = {str(action) for action in Action}
    if len(actions) > 1000 or not all(_TOOL.fullmatch(name) for name in actions):
        return {"tool_actions": "At most 1000 tools, each with a name of up to 200 visible ASCII characters."}
    if unknown := sorted({str(verb) for verb in actions.values()} - verbs):
        return {"tool_actions": f"Unknown: {', '.join(unknown)}. Use one of {', '.join(sorted(verbs))}."}
    return {}


def _leads_nowhere_good(host: str) -> bool:
    if host.rstrip(".").lower() in _METADATA_NAMES:
        return True
    address = _address(host)
    if address is None:
        return False
    ways: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        ways += _inside(address)
    return any(
        one.is_link_local or one.is_multicast or one.is_unspecified or str(one) in _METADATA_ADDRESSES for one in ways
    )


def _inside(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that networks take this one for: mapped, 6to4, translated (RFC 6052), and the oldest form."""
    found = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if any(address in network for network in _TRANSLATED):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:  # the older spellings that resolvers take for addresses: 0xa9fea9fe, 2852039166, 169.254.43518
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
