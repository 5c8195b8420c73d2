"""Which hosts a value names: in the fields made for addresses, and in the addresses that stand in its text.

Every way in which a browser, a library or a person may read an address counts, for what is read in one way by us and in
another by whoever fetches it is how a blocked host passes. Linear in the size of the value; says when there is more.
"""

import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import orjson

from apps.decision.inbound.domains import MORE, UNREADABLE, spelled
from apps.decision.packs import PACKS, pack_of
from apps.decision.types import JSON

MOST: Final = 2_000  # different hosts as they are written
_ROUNDS: Final = 2  # of percent-encoding around a whole address
_DEEPEST: Final = 4  # of documents within texts
_WEB: Final = ("http", "https", "ws", "wss", "ftp")
# The last word of a field's name that holds addresses.
_FIELD: Final = re.compile(
    r"(?:ur[il]s?|hrefs?|links?|hosts?|hostnames?|domains?|origins?|sites?|endpoints?|referr?er|src)", re.IGNORECASE
)
_FETCHED: Final = frozenset({"url", "uri", "href"})  # of what the pack of the web names, what holds an address
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]{0,30}):", re.IGNORECASE | re.ASCII)
_SCHEME_BEFORE: Final = re.compile(r"[a-z][a-z0-9+.-]*\Z", re.IGNORECASE | re.ASCII)
_SLASHES: Final = re.compile(r"(?<=[:\"'(=])(?:\\?/|\\){2,8}+(?![\s\"'<>`|{}/?#])")
_RUN: Final = re.compile(r"[^\s\"'<>`|{}\x00-\x1f/?#]{1,1000}")
_ENDED: Final = re.compile(r"[^,;!()\\]*")
_INVISIBLE: Final = re.compile(r"[\t\r\n]")
_BARE: Final = re.compile(r"(?<![\w-])[\w-]{1,63}+(?:[.\u3002\uff0e\uff61][\w-]{1,63}+){1,130}+\.?")
_BARE_ASCII: Final = re.compile(r"(?<![\w-])[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,130}+\.?", re.ASCII)
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")


def domains_of(value: JSON) -> tuple[str, ...]:
    """Every host that a value names, in the order in which they come. Holds `UNREADABLE` for an address that nobody can
    read, and `MORE` at the end where there are more than are read."""
    return _Named().of(value)


def mentioned_in(value: JSON, endings: Container[str]) -> tuple[str, ...]:
    """Names in a text that may be hosts, though no address says so: `curl example.com`. Most are names of files and of
    parts of programs, so only those with one of `endings` as their last label are looked at."""
    found: dict[str, None] = {}
    for text, _ in _Named().texts(value):
        # A name may follow on letters that are not its own: in Chinese no blank stands before it.
        for shape in (_BARE_ASCII,) if text.isascii() else (_BARE_ASCII, _BARE):
            for one in shape.finditer(text):
                written = one.group().rstrip(".")
                last = _DOTS.split(written)[-1].lower()
                if last in endings or not last.isascii():
                    found[written] = None
    return tuple(dict.fromkeys(name for written in found for name in spelled(written) if name != UNREADABLE))


def fetched_of(method: str, params: JSON, kind: str) -> tuple[str, ...]:
    """The hosts of the address that a request to a server of this kind asks for, with those that stand in it.

    () where nothing says surely what is fetched. Whoever calls chooses the arguments and a tool ignores what it does
    not know, so only the one argument counts that servers of the web are known to read, and only when nothing beside
    it could be what is fetched instead.
    """
    if not isinstance(params, Mapping):
        return ()
    if method == "resources/read":
        return _web_address(params.get("uri"))
    given = params.get("arguments")
    if method != "tools/call" or pack_of(kind) is not PACKS["web"] or not isinstance(given, Mapping):
        return ()
    named = [key for key in given if _plain(key) in PACKS["web"].resource]
    if len(named) != 1 or named[0] not in _FETCHED:
        return ()
    hosts = _web_address(given[named[0]])
    return hosts if set(hosts) == {*domains_of({**given}), *domains_of({"url": _texts(given)})} else ()


def _web_address(value: JSON) -> tuple[str, ...]:
    if not isinstance(value, str) or not value.lower().startswith(("http://", "https://")):
        return ()
    return domains_of({"url": value})


def _plain(key: str) -> str:
    return re.sub(r"[\W_]", "", key).lower()


def _texts(given: Mapping[str, JSON]) -> list[JSON]:
    """Each may be an address, whatever its argument is called: a bare host has no scheme that would tell."""
    lists = [value if isinstance(value, list) else [value] for value in given.values()]
    return [one for values in lists for one in values if isinstance(one, str)]


class _Named:
    """What was named so far, as it was written, so that what comes often is read once."""

    __slots__ = ("_hosts",)

    def __init__(self) -> None:
        self._hosts: dict[str, None] = {}

    def of(self, value: JSON) -> tuple[str, ...]:
        for text, field in self.texts(value):
            if field:
                for host in _of_address(text):
                    self.add(host)
            for host in _in_text(text):
                self.add(host)
                if len(self._hosts) > MOST:
                    return self.found()
        return self.found()

    def add(self, host: str) -> None:
        if len(self._hosts) <= MOST:
            self._hosts[host] = None

    def found(self) -> tuple[str, ...]:
        written = list(self._hosts)
        names = dict.fromkeys(name for host in written[:MOST] for name in spelled(host))
        if len(written) > MOST:
            names[MORE] = None
        return tuple(names)

    def texts(self, value: JSON) -> Iterator[tuple[str, bool]]:
        """Every text, every key, whether it stands in a field made for addresses; those of documents in texts, too."""
        waiting: list[tuple[JSON, bool, int]] = [(value, False, 0)]
        while waiting:
            one, field, depth = waiting.pop()
            if isinstance(one, str):
                inside = _document(one) if depth < _DEEPEST else None
                if inside is not None:
                    waiting.append((inside, False, depth + 1))
                    continue
                yield one, field
                for _ in range(_ROUNDS):
                    if "%" not in one or (further := unquote(one)) == one:
                        break
                    one = further
                    yield one, field
            elif isinstance(one, dict):
                for key, inner in reversed(one.items()):
                    waiting.append((inner, _names_addresses(key[-40:]), depth))
                    if ":" in key or "%" in key:
                        waiting.append((key, False, depth))
            elif isinstance(one, list):
                waiting.extend((inner, field, depth) for inner in reversed(one))


@lru_cache(4096)
def _names_addresses(key: str) -> bool:
    word = re.split(r"[^a-zA-Z]", key.rstrip("_-:@. "))[-1]
    if _FIELD.fullmatch(word):
        return True
    humps = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)
    return bool(humps) and _FIELD.fullmatch(humps[-1]) is not None


def _document(text: str) -> JSON:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _of_address(text: str) -> Iterator[str]:
    """The hosts of what stands where an address should: with a scheme, without one, or a host alone."""
    text = _INVISIBLE.sub("", text.strip("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10 \t\r\n"))
    found = _SCHEME.match(text)
    rest = text[found.end() :] if found else text
    start = rest.lstrip("/\\")
    slashes = len(rest) - len(start)
    if found and rest[:1].isdigit() and "." in found.group(1):  # host:port
        yield found.group(1)
    elif found and found.group(1).lower() in _WEB:
        yield from _of_authority(_cut(start), web=True)
    elif found and found.group(1).lower() == "mailto":
        people = rest.partition("?")[0].split(",")
        yield from (host for person in people if (host := person.rpartition("@")[2]) != person and host)
    elif slashes >= 2:
        yield from _of_authority(_cut(start), web=found is None)
    elif found is None and slashes == 0 and _BARE.fullmatch(host := re.split(r"[/\\?#:@]", text, maxsplit=1)[0]):
        yield from _of_authority(_cut(text), web=False)
        yield host


def _cut(rest: str) -> str:
    return re.split(r"[/?#]", rest[:2_000], maxsplit=1)[0]


def _in_text(text: str) -> Iterator[str]:
    seen = set()
    for found in _SLASHES.finditer(text):
        run = _RUN.match(text, found.end())
        if run is None or (authority := run.group()) in seen:
            continue
        scheme, before = "", text[found.start() - 1]
        if before == ":":
            if not text[max(0, found.start() - 2) : found.start() - 1].isalnum():
                continue  # no scheme ends so
            named = _SCHEME_BEFORE.search(text[max(0, found.start() - 25) : found.start() - 1])
            scheme = named.group().lower() if named else ""
        web = scheme.endswith(_WEB)
        if not (web or "/" in found.group()):
            continue  # a path of Windows
        if web or before != ":":
            web = True
            seen.add(authority)
        yield from _of_authority(authority, web=web, prose=True)


def _of_authority(authority: str, *, web: bool, prose: bool = False) -> Iterator[str]:
    """The hosts of `user@host:port`, by every reading. In prose it ends where a sentence goes on."""
    whole = authority.split("\\", 1)[0]
    for reading in dict.fromkeys((whole, authority)):  # for some a backslash ends it, for others it is the user's
        if "@" in reading:
            yield from _of_host(reading.rpartition("@")[2], web, prose)
            yield from _of_host(reading.partition("@")[2].partition("@")[0], web, prose)
        elif reading is whole:
            yield from _of_host(reading, web, prose)


def _of_host(written: str, web: bool, prose: bool) -> Iterator[str]:
    if written.startswith("["):
        yield written.partition("]")[0] + "]"
        return
    if prose:
        ended = _ENDED.match(written)
        written = ended.group().rstrip(".:*_~]") if ended else ""
    host = written.partition(":")[0]
    if host and (web or "." in host):
        yield host
