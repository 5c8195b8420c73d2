"""The examples that the scorer learns from: sentences with a label, a source, and a group that no split divides."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from apps.decision.scan.injection.sentences import Sentence, sentences
from apps.decision.scan.injection.training.fillers import filled
from apps.decision.scan.injection.training.harmless import HARMLESS
from apps.decision.scan.injection.training.requests import REQUESTS
from apps.decision.scan.injection.views import folded

ROUNDS = 4  # how often each template is filled in
_SHORTEST_GROUP = 8  # texts that share a surrounding, so that it can be told from what was put into it
CONTAINERS = (
    "{'notes': [{'id': '%d', 'title': 'Weekly', 'content': '%s', 'author': 'sam'}]}",
    '{"status": "ok", "item": {"id": %d, "description": "%s", "tags": ["a", "b"]}}',
    "From: sam@firm.example\nSubject: hello (%d)\n\nHi,\n\n%s\n\nBest,\nSam",
    "<html><body><h1>Page %d</h1><p>%s</p><footer>contact us</footer></body></html>",
    "# Notes %d\n\nWe had a good week. %s\n\n## Next\n\nMore later.",
    "%d,2031-04-02,open,\"%s\",low",
    "Review %d\nStars: 4\nGood value overall. %s\nWould come back.",
    "[%d] 10:02 sam: hey\n[10:03] kim: %s\n[10:04] sam: ok",
    "id: %d\ncomment: %s\nstate: done",
    "%d results\n%s",
)  # fmt: skip


class Text(NamedTuple):
    """A whole tool answer, and where its order stands (nothing: it has none)."""

    text: str
    label: int
    source: str
    group: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence, the unit that is scored."""

    sentence: Sentence
    label: int
    source: str
    group: str


def written(seed: int) -> Iterator[Text]:
    """The self-written examples, each in several surroundings."""
    dice = random.Random(seed)  # noqa: S311 - examples, not secrets
    calm = [line for kind in ("records", "prose", "tools") for line in HARMLESS[kind]]
    for label, table in ((1, REQUESTS), (0, HARMLESS)):
        for kind, templates in table.items():
            for number, template in enumerate(templates):
                for _ in range(ROUNDS):
                    line = filled(template, dice)
                    before = filled(dice.choice(calm), dice) + " " if dice.random() < 0.3 else ""
                    container = dice.choice(CONTAINERS)
                    text = container % (dice.randrange(10_000), before + line)
                    start = text.index(before + line) + len(before)
                    span = (start, start + len(line)) if label else (0, 0)
                    yield Text(text, label, "written", f"{'request' if label else 'harmless'}:{kind}:{number}", span)


def downloaded(path: Path) -> Iterator[Text]:
    """The development file: tool answers with and without injected orders, and read-me files."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    yield from _benign(row for row in rows if not row["label"])
    yield from _injected([row for row in rows if row["label"]])


def _benign(rows: Iterator[dict[str, str]]) -> Iterator[Text]:
    for row in rows:
        source = row["kind"] if row["source"] == "registry-package" else row["source"]
        yield Text(row["text"], 0, source, f"{source}:{row['id']}", (0, 0))


def _injected(rows: list[dict[str, str]]) -> Iterator[Text]:
    """What differs between texts with the same surroundings is the order; the surroundings alone are harmless."""
    shared: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        shared[row["text"][:24]].append(row)
    for group in shared.values():
        if len(group) < _SHORTEST_GROUP:
            continue
        texts = [row["text"] for row in group]
        head = len(_shared(texts))
        tail = len(_shared([text[::-1] for text in texts]))
        for row in group:
            text = row["text"]
            end = max(head, len(text) - tail)
            order = text[head:end]
            yield Text(text, 1, f"injecagent {row['kind'].split(':')[0]}", f"injecagent:{order[-40:]}", (head, end))


def _shared(texts: list[str]) -> str:
    """The beginning that all texts have in common."""
    first, last = min(texts), max(texts)
    size = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:size]


def examples(texts: Iterator[Text]) -> Iterator[Example]:
    """Sentences of the texts; within a text with an order only those that overlap it are labelled so."""
    for text in texts:
        start, end = text.span
        for sentence in sentences(folded(text.text)):
            hit = text.label == 1 and sentence.start < end and start < sentence.start + len(sentence.text)
            yield Example(sentence, int(hit), text.source, text.group)
