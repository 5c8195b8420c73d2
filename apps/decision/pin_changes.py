"""How one wording or value became another, and how much that weighs. What cannot be judged cheaply weighs more."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from apps.decision.types import JSON, Severity

MAX_CHANGES: Final = 200
MAX_STEPS: Final = 20_000
MAX_EXCERPT: Final = 400
FEW_WORDS: Final = 4  # added and taken away together
FEW_SHARE: Final = 0.2
_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}
# A word, or one character of a script that puts no spaces between words.
_WORDS: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|://|@")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# One of these more or fewer can turn a sentence round, or make an order of it.
_WEIGHTY: Final = _set_of(
    """
    all also always any anything assistant before after between call confirm confirmation context conversation copy
    credential credentials delete deletes directory do does don't every everything except execute file files first
    follow forward home http https ignore important include includes instead instruction instructions key keys message
    messages must never no nobody none not only overwrite overwrites pass password passwords path permission post
    prompt provide put read reads remove removes reply required return run runs secret secrets send sends shell should
    skip ssh sudo system t tell then token tokens tool tools upload url user users verify warning without write writes
    :// @ env always admin root private mandatory need needs needed may can cannot can't won't isn't
    """
)
# What no tool needs to be handed that did not ask for it before.
_SENSITIVE: Final = _set_of(
    """
    apikey auth context conversation cookie cookies credential credentials env environment history instruction
    instructions key keys memory message messages must password passwords private prompt rsa secret secrets session ssh
    system token tokens transcript
    """
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `what` is a word of `MEANINGS`; `before` and `after` are excerpts for a person to read."""

    what: str
    severity: Severity
    path: str
    before: str = ""
    after: str = ""

    def as_json(self) -> dict[str, JSON]:
        return {
            "what": self.what,
            "meaning": MEANINGS[self.what],
            "severity": self.severity.value,
            "path": self.path,
            "before": self.before,
            "after": self.after,
        }


MEANINGS: Final = {
    "order": "Text that gives orders stands in it now",
    "wording": "The wording changed",
    "delicate": "What is new speaks of things that nobody should have to hand over",
    "hidden_text": "Characters that nobody sees were added",
    "field_added": "An optional field was added",
    "required_field_added": "A field was added that must be filled",
    "field_required": "A field must be filled now",
    "field_optional": "A field need not be filled any more",
    "field_removed": "A field is gone",
    "type_widened": "A field takes more types of values",
    "type_narrowed": "A field takes fewer types of values",
    "type_changed": "A field takes another type of value",
    "values_widened": "A field takes more values",
    "values_narrowed": "A field takes fewer values",
    "values_opened": "A field takes any value now",
    "loosened": "A limit is looser",
    "tightened": "A limit is tighter",
    "opened": "Fields that are not named are taken now",
    "closed": "Fields that are not named are not taken any more",
    "alternative_added": "Another form is taken as well",
    "alternative_removed": "One of the forms is not taken any more",
    "condition_changed": "A condition between fields changed",
    "default_changed": "What is sent where nothing is said changed",
    "reference_changed": "A reference leads elsewhere",
    "outside_reference": "A reference leads out of the definition",
    "definition_added": "A shared definition was added",
    "definition_removed": "A shared definition is gone",
    "schema_changed": "A schema became something else",
    "output_schema_added": "What it returns is described now",
    "output_schema_removed": "What it returns is not described any more",
    "hint_worse": "It says that it does more harm than before",
    "hint_better": "It says that it does less harm than before",
    "renamed": "It has another name",
    "restored": "It is as approved before, after the server had said something else",
    "other": "Something else in it changed",
    "too_much": "There is more in it than can be compared",
    "too_large": "It is larger than can be reviewed",
    "churn": "It changed again and again since somebody looked at it",
}


@dataclass(slots=True)
class Collected:
    """The changes found so far, within what may be looked at."""

    changes: list[Change] = field(default_factory=list)
    steps: int = 0
    spent: bool = False
    pairs: set[tuple[str, ...]] = field(default_factory=set)  # references that were followed already

    def add(self, what: str, severity: Severity, path: str, before: JSON = "", after: JSON = "") -> None:
        if len(self.changes) < MAX_CHANGES:
            self.changes.append(Change(what, severity, path, excerpt(before), excerpt(after)))
        else:
            self.exhaust(path)

    def step(self, path: str, count: int = 1) -> bool:
        """Whether there is strength left to look on."""
        self.steps += count
        if self.steps > MAX_STEPS:
            self.exhaust(path)
        return not self.spent

    def exhaust(self, path: str) -> None:
        if not self.spent:
            self.spent = True
            self.changes.append(Change("too_much", Severity.HIGH, path))

    def wording(self, path: str, before: JSON, after: JSON) -> None:
        """Nothing where both say the same, however they are spaced... but for the difference itself."""
        if before == after or ((before is None or before == "") and (after is None or after == "")):
            return
        if not isinstance(before, str | None) or not isinstance(after, str | None):
            self.add("wording", Severity.MEDIUM, path, before, after)
            return
        old, new = before or "", after or ""
        if hidden(new) > hidden(old):
            self.add("hidden_text", Severity.HIGH, path, old, new)
        self.add("wording", weight(old, new), path, old, new)


def weight(old: str, new: str) -> Severity:
    """Low where a few words changed and none of them is one that turns a sentence round; else medium."""
    before, after = Counter(_words(old)), Counter(_words(new))
    gone, come = before - after, after - before
    if not gone and not come:
        same_order = _words(old) == _words(new)
        return Severity.LOW if same_order else Severity.MEDIUM
    changed = gone.total() + come.total()
    if changed > FEW_WORDS or changed > FEW_SHARE * (before.total() + after.total()):
        return Severity.MEDIUM
    if any(word in _WEIGHTY or len(word) > 30 or not word.isascii() for word in (*gone, *come)):
        return Severity.MEDIUM
    return Severity.LOW


def hidden(text: str) -> int:
    """How many characters of it nobody sees: controls, zero-width and tag characters."""
    if text.isascii():
        return sum(not char.isprintable() and char not in "\n\r\t" for char in text)
    return sum(not char.isprintable() and not char.isspace() for char in text)


def sensitive(text: str) -> bool:
    return not _SENSITIVE.isdisjoint(_words(text.replace("_", " ").replace("-", " ")))


def same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: in Python `1 == True`."""
    return bool(one == other) and as_text(one) == as_text(other)


def as_text(value: JSON) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def excerpt(value: JSON) -> str:
    text = "" if value is None else value if isinstance(value, str) else as_text(value)
    return text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…"


def worst(changes: tuple[Change, ...] | list[Change]) -> Severity | None:
    return max((one.severity for one in changes), key=_RANKS.__getitem__, default=None)


def at_least(severity: Severity | None, other: Severity) -> bool:
    return severity is not None and _RANKS[severity] >= _RANKS[other]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]
