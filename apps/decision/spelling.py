"""One spelling for a path, however it was written, so that limits are held against what it names.

Purely lexical: no file system is asked, and symbolic links are not followed. Where a spelling can be read in two ways
(encoded or not, cut at a NUL or not, a Windows share or a doubled slash) every reading is given.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

ROUNDS: Final = 4  # of percent-encoding; deeper than this nobody decodes by mistake
# Most paths need nothing. Possessive, so that a long path that does not fit costs one pass.
_PLAIN: Final = re.compile(r"/?+(?:\.?+[a-z0-9_-]++(?:\.[a-z0-9_-]++)*+/)*+\.?+[a-z0-9_-]++(?:\.[a-z0-9_-]++)*+")
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):/", re.ASCII)
_DRIVE: Final = re.compile(r"/{0,2}([a-z]):(?=/|[^/:]|$)")
_DEVICE: Final = re.compile(r"//[?.]/(unc/)?")
_SHARE: Final = re.compile(r"//([^/]+)/+([^/]+)")
_HOME: Final = re.compile(
    r"(?:\$\{?home\}?|\$env:(?:userprofile|home)|%userprofile%|%homedrive%%homepath%|%homepath%|%home%)(?=/|$)"
)
_HOME_OF: Final = re.compile(r"~[^/]*")
_VARIABLE: Final = re.compile(r"\$\{[^}/]*\}|\$\([^)/]*\)|(?<![^/])\$[a-z_:][a-z0-9_:]*|`[^`/]*`|%[a-z_][a-z0-9_()]*%")
_WILD: Final = re.compile(r"\[[^\]/]*\]|\{[^}/]*\}|[?*]+")
_ELSEWHERE: Final = ("/proc/", "/private/")
_TO_ROOT: Final = re.compile(r"/proc/[^/]+/(?:task/[^/]+/)?root(?=/|$)|/private(?=/(?:etc|var|tmp)(?:/|$))")
# What looks like a slash, a backslash or a tilde and is made one by some fonts, servers and people.
_LOOKALIKES: Final = str.maketrans({"\u2044": "/", "\u2215": "/", "\u29f8": "/", "\u2216": "\\", "\u29f5": "\\",
                                    "\u29f9": "\\", "\u223c": "~", "\u02dc": "~"})  # fmt: skip


class UnreadableError(Exception):
    """Encoded more often than anybody reads."""


def readings(path: str, *, addresses: bool = False) -> Iterator[str]:
    """Every path that this text may name, in the one spelling.

    `addresses`: other URIs than `file:` name a place in a tree of files, too. Otherwise they name nothing here.
    """
    text = path.lower()
    if _PLAIN.fullmatch(text) and not text.startswith(_ELSEWHERE):
        yield text
        return
    for plain in decoded(text):
        yield from _spelled(plain, addresses)


def decoded(text: str) -> Iterator[str]:
    """The text in plain characters, and again for each round of percent-encoding that can be taken off."""
    for _ in range(ROUNDS + 1):
        yield _plain(text)
        further = unquote(text, errors="replace") if "%" in text else text
        if further == text:
            return
        text = further.lower()
    raise UnreadableError


def _plain(text: str) -> str:
    """Without characters that only look different or are not seen at all."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
    return "".join(one for one in text if unicodedata.category(one) != "Cf").lower()


def _spelled(text: str, addresses: bool) -> Iterator[str]:
    if "\0" in text:
        yield from _spelled(text.partition("\0")[0], addresses)
        text = text.replace("\0", "")
    text = text.strip().replace("\\", "/")
    if scheme := _SCHEME.match(text):
        if not addresses and scheme[1] != "file":
            return
        text = _unaddressed(text[scheme.end() - 1 :], scheme[1])
    elif text.startswith("file:"):
        text = text[5:]
    if device := _DEVICE.match(text):
        text = f"{'//' if device[1] else ''}{text[device.end() :]}"
    text = _HOME.sub("~", text)
    if "$" in text or "%" in text or "`" in text:
        text = _VARIABLE.sub("*", text)
    text = _WILD.sub("*", text)
    if drive := _DRIVE.match(text):
        yield _resolved(f"{drive[1]}:", text[drive.end() :])
        return
    if text.startswith("~"):
        yield _resolved("~", _HOME_OF.sub("", text, count=1))
        return
    if not text.startswith("///") and (share := _SHARE.match(text)):
        yield _resolved(f"unc:{share[1]}:{share[2]}:", text[share.end() :])
    yield _resolved("" if text.startswith("/") else None, text)


def _unaddressed(text: str, scheme: str) -> str:
    """`//host/path` without its host; a local path may stand there with too many slashes or too few."""
    if not text.startswith("//"):
        return text
    host, slash, path = text[2:].partition("/")
    if scheme == "file" and host not in ("", "localhost", "127.0.0.1", "."):
        return text if not host.endswith(":") else text[2:]
    return slash + path


def _resolved(root: str | None, rest: str) -> str:
    """The parts below `root` without ".", ".." and what Windows drops at their ends. None is a relative path."""
    parts: list[str] = []
    for part in rest.split("/"):
        shown = part.strip(" ")
        if shown == "..":
            if parts:
                parts.pop()
            elif root in (None, "~"):
                root = ""  # who knows where it began: it climbed, perhaps to the root
        elif shown := shown.rstrip(". "):
            parts.append(shown)
    below = "/".join(parts)
    if root is None:
        return below or "."
    path = f"{root}/{below}" if below or root != "~" else root
    if path.startswith(_ELSEWHERE):
        path = _TO_ROOT.sub("", path, count=1) or "/"
    return path


def names_in(path: str) -> Iterator[str]:
    """The last part, and the same without each of its extensions. A wildcard's is what surrounds it."""
    name = path.rpartition("/")[2]
    if ":" in name:
        name = name.partition(":")[0]  # a Windows stream
    if "*" in name:
        yield _around(name)
        name = name[:dot] if (dot := name.find(".", 1)) > 0 else name
        yield _around(name)
        return
    while name:
        yield name
        name = name[: name.rfind(".")] if "." in name[1:] else ""


def _around(name: str) -> str:
    return f"{name.partition('*')[0]}*{name.rpartition('*')[2]}"


def depth(path: str) -> int:
    """How many parts deep a spelled path leads. A root (`/`, `c:`, a share) and wildcards do not count."""
    parts = path.split("/")
    if parts[0].endswith(":"):
        del parts[0]
    return sum(1 for part in parts if part not in ("", ".") and "*" not in part)
