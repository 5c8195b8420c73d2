"""Texts written out whole, by genre and language: orders of many families, and what is harmless in many kinds of text.

`kept_*` and `fresh_*` are for measuring only: nothing is learned from them and no rule takes its words from them.
`learned_*` is the other half, for training. A file is a row of parts, each under a head `=== genre language`.
"""

import base64
import codecs
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from apps.decision.scan.injection.training.corpus import ROUNDS, Text
from apps.decision.scan.injection.training.fillers import filled

_TEXTS = Path(__file__).parent / "texts"
_LOOKALIKES = str.maketrans("aeopcyx", "аеорсух")
_DIGITS = str.maketrans("aeios", "43105")

# What an order may be written in: `=== encoded:base64 en` holds it plainly, and it is disguised when read.
DISGUISES: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13") if text.count(":") == 0 else _rot13_after(text),
    "tags": lambda text: "See below." + "".join(chr(0xE0000 + ord(char)) for char in text),
    "letters": lambda text: " ".join(text),
    "zero": lambda text: "\u200b".join(text),
    "leet": lambda text: text.translate(_DIGITS),
    "homoglyph": lambda text: text.translate(_LOOKALIKES),
    "url": lambda text: "".join(f"%{ord(char):02x}" for char in text),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "reversed": lambda text: text.split(": ")[0] + ": " + text.split(": ")[1][::-1],
}
_FRAMES = (
    '{"id": 311, "state": "open", "comment": %s, "votes": 2}',
    "Status: 200\n\n%s\n",
    "<html><body><h2>Comments (3)</h2><p>Nice place.</p><p>%s</p><p>Thanks for sharing!</p></body></html>",
    "| no | entry | by |\n|---|---|---|\n| 1 | arrived | jo |\n| 2 | %s | al |\n| 3 | left | jo |",
    "{'results': [{'title': 'Visit report', 'text': '%s', 'rank': 1}]}",
    '{"ok": true, "body": %s}',
    "<ul><li>Fine.</li><li>%s</li></ul>",
    "a;b;c\n1;%s;ok",
    "title: Visit\nbody: %s\nstate: done",
)
# What is kept for measuring has frames of its own: none that was learned is a sign there.
_KEPT_FRAMES = (
    '[{"key": "OPS-7", "summary": %s, "status": "To do"}]',
    "HTTP/1.1 200 OK\nContent-Type: text/plain\n\n%s\n",
    '<div class="post"><span>ann</span><div>%s</div></div><div class="post"><span>bo</span><div>Agreed.</div></div>',
    "Name,Remark,Score\nPier Hotel,%s,8\nSea View,clean and quiet,9",
    "{'notes': ['buy stamps', '%s'], 'count': 2}",
    "2031-05-01 10:00 note added by guest: %s\n2031-05-01 10:05 note closed",
)
_CARRIERS = ("mail", "news", "review", "forum", "notes", "product", "wiki", "search", "html", "social")


class Written(NamedTuple):
    """One text under its head."""

    genre: str
    language: str
    number: int
    text: str


def read(name: str) -> Iterator[Written]:
    """A text a block where texts are long; a text a line in the files of orders."""
    head, block, number = ("", ""), "", 0
    lines = (_TEXTS / f"{name}.txt").read_text("utf-8").splitlines()
    for line in [*lines, "=== end"]:
        if line.startswith("=== "):
            if block.strip():
                yield Written(*head, number, block.strip())
                number += 1
            genre, _, language = line[4:].partition(" ")
            head, block = (genre, language), ""
        elif name.endswith(("wrapped", "plain")):
            if line.strip():
                yield Written(*head, number, line.replace("\\n", "\n"))
                number += 1
        else:
            block += line + "\n"


def harmless(half: str) -> Iterator[Text]:
    """`half` is "kept", "fresh" or "learned"; hard ones are their own source."""
    for kind in ("benign", "hard"):
        for one in read(f"{half}_{kind}"):
            yield Text(one.text, 0, f"{half} {kind}", f"{half} {kind}:{one.genre}:{one.number}", (0, 0))


def injected(half: str, seed: int = 41) -> Iterator[Text]:
    """Each order in a surrounding of the same half: within a harmless text of its language, or in a bare frame."""
    carriers: dict[str, list[str]] = {}
    for carrier in read(f"{half}_benign"):
        if carrier.genre in _CARRIERS:
            carriers.setdefault(carrier.language, []).append(carrier.text)
    dice = random.Random(seed)  # noqa: S311 - examples, not secrets
    for kind in ("wrapped", "plain"):
        for one in read(f"{half}_{kind}"):
            disguise = DISGUISES.get(one.genre.partition(":")[2], str)
            order = disguise(one.text)
            around = carriers.get(one.language, carriers["en"])
            if dice.random() < 0.5:
                frame = dice.choice(_FRAMES if half == "learned" else _KEPT_FRAMES)
                order = json.dumps(order, ensure_ascii=False) if frame.startswith(('{"', '[{"')) else order
                text = frame.replace("%s", order)
            else:
                lines = dice.choice(around).split("\n")
                lines.insert(dice.randint((len(lines) + 1) // 2, len(lines)), order)
                text = "\n".join(lines)
            start = text.index(order)
            yield Text(
                text, 1, f"{half} {kind}", f"{half} {kind}:{one.genre}:{one.number}", (start, start + len(order))
            )


def _rot13_after(text: str) -> str:
    head, _, tail = text.partition(": ")
    return f"{head}: {codecs.encode(tail, 'rot13')}"


def learned(seed: int) -> Iterator[Text]:
    """The half to learn from, its slots filled in more than once."""
    dice = random.Random(seed)  # noqa: S311 - examples, not secrets
    for once in range(ROUNDS):
        for text in [*harmless("learned"), *injected("learned", seed + once)]:
            line = filled(text.text, dice)
            span = text.span
            if text.label:
                before, order = filled(text.text[: span[0]], dice), filled(text.text[span[0] : span[1]], dice)
                line = before + order + filled(text.text[span[1] :], dice)
                span = (len(before), len(before) + len(order))
            yield Text(line, text.label, text.source, text.group, span)
