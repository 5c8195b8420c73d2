"""Base64 members of MCP content: a picture or a recording is passed over only when it is one; the rest is text."""

import base64
import binascii
import re

from apps.decision.types import JSON

_HEAD = 64
_MEDIA = ("image", "audio", "video")
_LINE = 40  # characters that a line of wrapped base64 has at least
_SHORT = 4_096  # what is no longer and opens to nothing readable may be words with hyphens
_MOST_PIECES = 10_000
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_SOUND = (
    b"ID3",
    b"OggS",
    b"fLaC",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xf1",
    b"\xff\xf9",
    b"MThd",
    b"\x1aE\xdf\xa3",
)
_FOREIGN = re.compile(r"[^A-Za-z0-9+/=]+")
_URLSAFE = str.maketrans("-_", "+/")
_READABLE = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]{6,}")
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


def opened(written: str) -> bytes | None:
    """The bytes of base64 in one piece, in either alphabet; None when it is none."""
    body = written.rstrip("=").translate(_URLSAFE)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _readings(written: str) -> list[bytes]:
    """The bytes, by every way in which clients decode: what is in no alphabet is passed over, which may be `-` and `_`,
    too; padding ends a piece, or nothing."""
    bodies = [_FOREIGN.sub("", written.translate(_URLSAFE))]
    if "-" in written or "_" in written:
        bodies.append(_FOREIGN.sub("", written))
    found: dict[bytes, None] = {}
    for body in bodies:
        pieces = body.rstrip("=").split("=", _MOST_PIECES)
        found[b"".join(map(_lenient, pieces))] = None
        if len(pieces) > 1:
            found[_lenient(body)] = None
            found[_lenient(pieces[0])] = None
    return list(found)


def _lenient(piece: str) -> bytes:
    """One piece of nothing but base64's characters."""
    body = piece.replace("=", "")
    body = body[:-1] if len(body) % 4 == 1 else body
    return base64.b64decode(body + "=" * (-len(body) % 4))


def declared(holder: JSON, key: str) -> str:
    """What kind of thing a member is said to be; content of type image or audio has it in `data`. What is said in two
    ways is what the MIME type says."""
    mime, kind = holder.get("mimeType"), holder.get("type")
    if key == "data" and isinstance(kind, str) and (not isinstance(mime, str) or mime.startswith(_MEDIA)):
        return kind
    return mime if isinstance(mime, str) else ""


def is_media(written: str, declared: str) -> bool:
    """Whether it is the kind of thing it says it is: declared image, audio or video, and beginning like one."""
    if not declared.startswith(_MEDIA):
        return False
    start = "".join(written[: _HEAD * 2].split())
    head = opened(start[: len(start) // 4 * 4])
    if head is None or not _begins_like_media(head):
        return False
    # Whoever puts a format's name before a text has a text.
    return _UNREADABLE.search(head[12:].decode("utf-8", "replace")) is not None


def _begins_like_media(head: bytes) -> bool:
    if head[:4] in (b"RIFF", b"FORM"):
        return head[8:12] in (b"WEBP", b"WAVE", b"AVI ", b"AIFF", b"AIFC")
    return head.startswith(_MAGIC + _SOUND) or head[4:8] == b"ftyp"


def read(written: str) -> tuple[str, bool]:
    """What a reader makes of it: the text, or the readable parts of what is none; and whether it is base64 for sure.
    Words are not, though their letters could be, nor is what only a lenient client decodes."""
    texts = dict.fromkeys(map(_readable, _readings(written)))
    text = "\n".join(text for text in texts if text)
    lines = written.split()
    sure = all(len(line) >= _LINE for line in lines[:-1]) and opened("".join(lines)) is not None
    return text, sure and (len(written) > _SHORT or bool(text))


def _readable(raw: bytes) -> str:
    text = _decoded(raw)
    if _UNREADABLE.search(text) is None:
        return text
    return "\n".join(_READABLE.findall(text))


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    if raw[:400:2].count(0) > 90 or raw[1:400:2].count(0) > 90:
        return raw.decode("utf-16-be" if raw[0] == 0 else "utf-16-le", "replace")
    return raw.decode("utf-8", "replace")


def reads(written: str) -> str:
    """The same for what is known to be base64."""
    return read(written)[0]


def written(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
