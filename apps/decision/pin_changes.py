"""How one wording or value became another, and how much that weighs. What cannot be judged cheaply weighs more."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from apps.decision.types import JSON, Severity

MAX_CHANGES: Final = 200
MAX_STEPS: Final = 20_000
MAX_EXCERPT: Final = 400
FEW_WORDS: Final = 4  # added and taken away together
FEW_SHARE: Final = 0.2
KINDRED_SHARE: Final = 0.25
MAX_ALIGNED: Final = 150  # words between the first and the last that changed
MAX_POINTS: Final = 20  # signs more than before
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
# What says nothing by itself, so that more of it changes nothing.
_SMALL: Final = _set_of("a an the of in on at by as is are be it its this that these those which and so there here")
# A number, host, address, path or identifier.
_NAME: Final = re.compile(r"[\d@/\\~_$%#=|^*]|[^\W\d]?[.:][^\W\d]|[a-z][A-Z]|://")
_QUOTES: Final = "\"'`“”„‘’«»<"
_OPENING: Final = "([{\"'`“„‘«<"
_CLOSING: Final = ".,;:!?)]}\"'`”’»>"
_USUAL: Final = "“”„‘’‚«»–—…•·\u00a0\u2009\u202f\u3000"
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
    "values_narrowed": "A field takes fewer values: the server chose which",
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
    """Low where spacing, punctuation, case or one typing error differ, or a few words are gone and none of them is one
    that turns a sentence round. Whatever is said that was not said before, and in another order, is medium.
    """
    before, after = _chunks(old), _chunks(new)
    if Counter(before.names) != Counter(after.names) or after.marks - before.marks:
        return Severity.MEDIUM
    if after.points - before.points > MAX_POINTS:
        return Severity.MEDIUM
    start, was, now = 0, before.words, after.words
    while start < min(len(was), len(now)) and was[start] == now[start]:
        start += 1
    end = 0
    while end < min(len(was), len(now)) - start and was[-1 - end] == now[-1 - end]:
        end += 1
    gone, come = was[start : len(was) - end], now[start : len(now) - end]
    if not gone and not come:
        return Severity.LOW
    if max(len(gone), len(come)) > MAX_ALIGNED:
        return Severity.MEDIUM
    changed = typos = 0
    for what, i, j, k, m in SequenceMatcher(None, gone, come, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        left, right = gone[i:j], come[k:m]
        if len(left) == len(right) == 1 and _typo(left[0], right[0]) and left[0] not in before.proper:
            changed, typos = changed + 1, typos + 1
            continue
        if any(word in _WEIGHTY or not word.isascii() for word in left) or not _SMALL.issuperset(right):
            return Severity.MEDIUM
        changed += len(left) + len(right)
    few = changed <= FEW_WORDS and changed <= FEW_SHARE * (len(was) + len(now))
    return Severity.LOW if few and typos < 2 else Severity.MEDIUM


def kindred(old: str, new: str) -> bool:
    """Whether both say so much of the same that one may be the other, retold."""
    before, after = Counter(_words(old)), Counter(_words(new))
    apart = (before - after).total() + (after - before).total()
    return apart <= KINDRED_SHARE * (before.total() + after.total())


@dataclass(frozen=True, slots=True)
class _Chunks:
    words: list[str]  # lower case, names among them
    names: list[str]  # numbers, hosts, addresses, paths, identifiers, and what stands in quotes, as they are
    proper: frozenset[str]  # words with a capital inside of a sentence, lower case
    marks: Counter[str]  # neither words nor the usual signs
    points: int  # the usual signs


def _chunks(text: str) -> _Chunks:
    words: list[str] = []
    names: list[str] = []
    proper: set[str] = set()
    begins = True
    for chunk in text.split():
        bare = chunk.rstrip(_CLOSING).lstrip(_OPENING)
        if _NAME.search(bare) or chunk[0] in _QUOTES:
            names.append(bare)
        elif not begins and bare[:1].isupper():
            proper.update(_words(bare))
        begins = chunk[-1] in ".:!?"
        words += _words(chunk)
    marks = Counter(char for char in text if not char.isascii() and not char.isalnum() and char not in _USUAL)
    points = sum(not char.isalnum() and not char.isspace() for char in text) - marks.total()
    return _Chunks(words, names, frozenset(proper), marks, points)


def _typo(old: str, new: str) -> bool:
    """Whether a word is another with a letter or two amiss; a short word or another first letter is another word."""
    if not (old.isalpha() and new.isalpha() and old.isascii() and new.isascii()) or old[0] != new[0]:
        return False
    shorter = min(len(old), len(new))
    if shorter < 4 or max(len(old), len(new)) > 30 or old in _WEIGHTY or new in _WEIGHTY:
        return False
    return _distance(old, new) <= (2 if shorter >= 8 else 1)


def _distance(one: str, other: str) -> int:
    """Letters added, taken away or replaced, and neighbours swapped."""
    before, line = [0], list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, line = before, line, [i]
        for j, char in enumerate(other, 1):
            cost = min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (letter != char))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == char:
                cost = min(cost, last[j - 2] + 1)
            line.append(cost)
    return line[-1]


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
