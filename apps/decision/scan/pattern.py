"""What a pattern is: a regular expression, a check on its hits, and examples of both sides.

Regular expressions run on UTF-8 bytes, under hyperscan (does it occur at all?) and under RE2 (where exactly?), so they
use only what both know: no look-around, no back-references. The span reported is the first group that took part.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from apps.decision.types import Severity


@dataclass(frozen=True, slots=True)
class Hit:
    """A stretch of the scanned buffer that may be a secret."""

    buffer: bytes
    start: int
    end: int

    @property
    def secret(self) -> bytes:
        return self.buffer[self.start : self.end]

    def before(self, size: int) -> bytes:
        return self.buffer[max(0, self.start - size) : self.start]

    def after(self, size: int) -> bytes:
        return self.buffer[self.end : self.end + size]

    def at(self, start: int, end: int) -> "Hit":
        return replace(self, start=start, end=end)


Check = Callable[[Hit], Hit | None]
Examples = Callable[[], tuple[str, ...]]


def accept(hit: Hit) -> Hit | None:
    return hit


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of secret.

    `check` refuses a hit or narrows it. Where hits overlap the higher `rank` stands: a format nobody else uses outranks
    a guess from a variable's name. `triggers` are what the automaton looks for, all of them, when `regex` itself is too
    common or too large for it; they must occur in every buffer that `regex` and `check` accept something of. `shown`
    are public prefixes that an excerpt may keep. `begins` are the beginnings by which such a secret is known at once,
    all there are of its own form: patterns that have them are looked for over several calls too (`fragments.py`).
    `hits` and `misses` are built when called, so that no secret-shaped text stands in a source file.
    """

    name: str
    title: str
    severity: Severity
    regex: str
    hits: Examples
    misses: Examples
    check: Check = accept
    rank: int = 10
    triggers: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    enabled: bool = True
    unicode: bool = False  # custom patterns see characters, the built-in ones bytes
    beside: frozenset[str] = frozenset()  # patterns whose overlapping hits are reported as well


# A token begins at a word boundary, or where an escape of the surrounding text ends: "\n", "\u0022", "%22", "=3D".
LEFT = r"(?:\b|_|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|=3D)"
# … and a fixed-length token whose alphabet has "-" ends where that alphabet ends.
RIGHT = r"(?:[^0-9A-Za-z_-]|$)"

# Between a name and its value: the ways of code, configuration, JSON (escaped or not), XML, shells and prose.
BETWEEN = (
    r"(?:\\{0,3}[\"'`\])]{0,3}\s{0,8}(?::\s{0,2}[A-Za-z]{2,12}\s{0,2})?(?:=>|:=|={1,2}|:)\s{0,8}"
    r"(?:[bru]?\\{0,3}[\"'`]{1,3})?"
    r"|\\{0,3}[\"']?,?\s{1,20}value\s?[:=]\s?\\{0,3}[\"']?"
    r"|>|\(\\{0,3}[\"'`]|\s{1,8}\\{0,3}[\"']"
    r"|\s(?:is|was|as|(?:re)?set to|changed to)(?::|\sset to)?\s{1,2}\\{0,3}[\"'`]?)"
)
# … and between two quoted words of one call or list, where the first must end with the name.
COMMA = r"\\{0,3}[\"'],[ \t]{0,8}\\{0,3}[\"'](?:value\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}\\{0,3}[\"'])?"
