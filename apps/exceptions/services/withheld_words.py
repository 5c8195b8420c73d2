"""What a person is shown of a result that was withheld: the passages in question, marked, and no secret anywhere."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from apps.decision.chain import clean
from apps.decision.scan.places import text_at
from apps.decision.scan.redact import redact
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import JSON, DlpAction, InboundFinding, Scanner, Screened
from apps.exceptions.services.arguments import line, shown

MAX_PASSAGES: Final = 20
MAX_FINDINGS: Final = 100
PASSAGE: Final = 4_000  # code points of one passage
AROUND: Final = 300  # code points on either side of a finding, where the text is longer than that
TEXT, INJECTION, SECRET, GAP = "text", "injection", "secret", "gap"
_TAKEN: Final = re.compile(r"\[REDACTED:([a-z0-9_-]{1,100})(?::[0-9a-f]{6})?\]")
Span = tuple[int, int, str, str]  # where it begins and ends, what it is, and the name of that


def shown_result(result: JSON, screened: Screened, scan: Scanner) -> dict[str, JSON]:
    """`result` as it came, which only says where things stand: what is shown is `screened.value`, in which no secret is
    left, whatever number of them there was. `passages` are the texts with findings: `original` in pieces of [kind,
    name, text], where the kind is "text", "injection", "secret" or "gap", and what it is delivered as when sanitised.
    `original` and `sanitised` are the whole of both, cut where long. What could not be searched is not shown."""
    secrets, cleaner = scan(screened.value), scan(screened.sanitised)
    if screened.secrets_action is DlpAction.LOG:  # nothing was taken out, so that their places are those of the value
        secrets = (*screened.secrets, *secrets)
    if any(one.rule == SCAN_LIMIT for one in (*screened.secrets, *secrets, *cleaner)):
        return {"searched": False, "passages": [], "original": None, "sanitised": None}
    original, sanitised = redact(screened.value, secrets), redact(screened.sanitised, cleaner)
    return {
        "searched": True,
        "passages": _passages(result, screened.findings, original, sanitised),
        "original": shown(original),
        "sanitised": shown(sanitised),
    }


def shown_inbound(findings: Sequence[InboundFinding]) -> list[dict[str, JSON]]:
    """The first findings as a row keeps them. Their excerpts hold no secret."""
    return [
        {
            "class": one.kind,
            "rule": line(one.rule, 200),
            "severity": one.severity.value,
            "path": line(one.path, 500),
            "start": one.start,
            "end": one.end,
            "excerpt": line(one.excerpt, 500),
            "via": line(one.via, 100),
            "words": [line(word, 100) for word in one.words[:20]],
            "quoted": one.quoted,
        }
        for one in findings[:MAX_FINDINGS]
    ]


def _passages(result: JSON, findings: Sequence[InboundFinding], original: JSON, sanitised: JSON) -> list[JSON]:
    spans: dict[str, list[Span]] = {}
    for one in findings:
        spans.setdefault(one.path, []).append((one.start, one.end, INJECTION, one.kind))
    told: list[JSON] = []
    for path, found in list(spans.items())[:MAX_PASSAGES]:
        came, text = text_at(result, path), text_at(original, path)
        if came is not None and text is not None:
            after = text_at(sanitised, path)
            marks = _moved(came, text, found)
            told.append(
                {"path": line(path, 500), "original": _pieces(text, marks), "sanitised": _beginning(text, after)}
            )
    return told


def _moved(came: str, text: str, marks: Sequence[Span]) -> list[Span]:
    """The marks of the text as it came, where they are in the text without its secrets, and what stands for those.
    Where the one cannot be told from the other, all of it is marked."""
    if came == text:
        return list(marks)
    here, there = [0], [0]  # where the same begins in both: what came, what is shown
    secrets: list[Span] = []
    done = at = 0
    for taken in _TAKEN.finditer(text):
        same = text[done : taken.start()]
        found = came.find(same, at)
        if found < 0:
            break
        here += (found, found + len(same))
        there += (done, taken.start())
        secrets.append((*taken.span(), SECRET, taken.group(1)))
        done, at = taken.end(), found + len(same)
    rest = text[done:]
    if not secrets or not came.endswith(rest) or len(came) - len(rest) < at:
        return [(0, len(text), kind, name) for _, _, kind, name in marks]
    here += (len(came) - len(rest), len(came))
    there += (done, len(text))
    moved = [(_there(start, here, there), _there(end, here, there), kind, name) for start, end, kind, name in marks]
    return moved + secrets


def _there(offset: int, here: list[int], there: list[int]) -> int:
    """Within what is the same it is as far from where that begins; within a secret, at its beginning."""
    step = max(0, bisect_right(here, max(0, offset)) - 1)
    after = there[step + 1] if step + 1 < len(there) else there[-1]
    return min(there[step] + max(0, offset) - here[step], after)


def _pieces(text: str, marks: Sequence[Span]) -> list[JSON]:
    """The text cut at the edges of what was found. Where a secret and an order overlap, the secret counts."""
    kinds = _kinds(len(text), marks)
    around = None if len(text) <= PASSAGE else _near(len(text), marks)
    pieces: list[JSON] = []
    room = PASSAGE
    for start, end, kind, name in kinds:
        if kind == SECRET:
            pieces.append([SECRET, name, ""])
            continue
        for from_, to, seen in _cut(start, end, around):
            if not seen or room <= 0:
                if not pieces or pieces[-1][0] != GAP:
                    pieces.append([GAP, "", ""])
                continue
            piece = text[from_ : min(to, from_ + room)]
            room -= len(piece)
            pieces.append([kind, name, clean(piece)])
    return pieces


def _kinds(length: int, marks: Sequence[Span]) -> list[Span]:
    """The whole text in stretches, in order and without overlap."""
    edges: dict[int, list[Span]] = {0: [], length: []}
    for start, end, kind, name in marks:
        span = (max(0, start), min(end, length), kind, name)
        if span[0] < span[1]:
            edges.setdefault(span[0], []).append(span)
            edges.setdefault(span[1], [])
    points, stretches = sorted(edges), list[Span]()
    active: dict[str, tuple[int, str]] = {}  # what goes on by kind: until where, and its name
    for start, end in pairwise(points):
        for _, until, kind, name in edges[start]:
            if until > active.get(kind, (0, ""))[0]:
                active[kind] = (until, name)
        kind = next((kind for kind in (SECRET, INJECTION) if active.get(kind, (0, ""))[0] > start), TEXT)
        name = active[kind][1] if kind != TEXT else ""
        if stretches and stretches[-1][2:] == (kind, name):
            stretches[-1] = (stretches[-1][0], end, kind, name)
        else:
            stretches.append((start, end, kind, name))
    return stretches


def _near(length: int, marks: Sequence[Span]) -> list[tuple[int, int]]:
    """What is near a finding, in order; neighbours become one."""
    near: list[tuple[int, int]] = []
    for start, end, kind, _ in sorted(marks):
        if kind == SECRET:
            continue
        low, high = max(0, start - AROUND), min(length, end + AROUND)
        if near and low <= near[-1][1]:
            near[-1] = (near[-1][0], max(near[-1][1], high))
        else:
            near.append((low, high))
    return near


def _cut(start: int, end: int, around: list[tuple[int, int]] | None) -> list[tuple[int, int, bool]]:
    """A stretch in parts that are seen and parts that are not."""
    if around is None:
        return [(start, end, True)]
    parts: list[tuple[int, int, bool]] = []
    done = start
    for low, high in around:
        low, high = max(low, done), min(high, end)
        if low < high:
            if done < low:
                parts.append((done, low, False))
            parts.append((low, high, True))
            done = high
    if done < end:
        parts.append((done, end, False))
    return parts


def _beginning(before: str, after: str | None) -> str:
    """The sanitised text; of a long one what is near the first change."""
    if after is None:
        return ""
    if len(after) <= PASSAGE:
        return clean(after)
    same = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), 0)
    start = max(0, same - AROUND)
    return (
        ("…" if start else "") + clean(after[start : start + PASSAGE]) + ("…" if start + PASSAGE < len(after) else "")
    )
