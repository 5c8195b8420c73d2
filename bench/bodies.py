"""Large results for the benchmark. Imports next to nothing, since the backend that gives them must stay light."""

from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LARGE: Final = 1 << 20
# Documentation that quotes attacks or shows secrets would measure what is found, not what is looked through.
_QUOTING = ("dlp", "escalation", "inbound", "pinning", "source", "canar")


def markdown(size: int) -> str:
    """The project's own documentation, again and again."""
    pages = [page for page in sorted((ROOT / "docs").glob("*.md")) if not any(word in page.name for word in _QUOTING)]
    text = "\n\n".join(page.read_text() for page in pages)
    return (text * (size // len(text) + 1))[:size]


def result(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": False}
