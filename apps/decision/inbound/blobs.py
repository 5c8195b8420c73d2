"""Base64 members of MCP content: a picture or a recording is passed over only when it is one; the rest is text."""

import base64
import binascii
import re

from apps.decision.types import JSON

_HEAD = 64
_LINE = 40  # characters that a line of wrapped base64 has at least
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
_URLSAFE = str.maketrans("-_", "+/")
_READABLE = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]{6,}")
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


def opened(written: str) -> bytes | None:
    """The bytes; None when it is no base64. Words are none, though their letters could be."""
    lines = written.split()
    if any(len(line) < _LINE for line in lines[:-1]):
        return None
    body = "".join(lines).rstrip("=").translate(_URLSAFE)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def declared(holder: JSON, key: str) -> str:
    """What kind of thing a member is said to be; content of type image or audio has it in `data`."""
    kind = holder.get("type") if key == "data" else holder.get("mimeType")
    return kind if isinstance(kind, str) else ""


def is_media(written: str, declared: str) -> bool:
    """Whether it is the kind of thing it says it is: declared image, audio or video, and beginning like one."""
    if not declared.startswith(("image", "audio", "video")):
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


def read(written: str) -> str | None:
    """What a reader makes of it: the text, or the readable parts of what is none; None when it is no base64."""
    raw = opened(written)
    if raw is None:
        return None
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
    return read(written) or ""


def written(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
