"""What a person is shown of a result that was withheld: the passages in question, marked, and no secret anywhere."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from apps.decision.chain import clean
from apps.decision.scan.places import text_at
from apps.decision.scan.redact import redact
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import JSON, Finding, InboundFinding, Scanner, Screened
from apps.exceptions.services.arguments import line, shown

MAX_PASSAGES: Final = 20
MAX_FINDINGS: Final = 100
PASSAGE: Final = 4_000  # code points of one passage
AROUND: Final = 300  # code points on either side of a finding, where the text is longer than that
TEXT, INJECTION, SECRET, GAP = "text", "injection", "secret", "gap"
Span = tuple[int, int, str, str]  # where it begins and ends, what it is, and the name of that


def shown_result(result: JSON, screened: Screened, scan: Scanner) -> dict[str, JSON]:
    """`result` as it came. `passages` are the texts with findings: `original` in pieces of [kind, name, text], where
    the kind is "text", "injection", "secret" or "gap", and what it is delivered as when sanitised. `original` and
    `sanitised` are the whole of both, cut where long. What could not be searched for secrets is not shown."""
    secrets = (*screened.secrets, *scan(result))
    cleaner = scan(screened.sanitised)
    if any(one.rule == SCAN_LIMIT for one in (*secrets, *cleaner)):
        return {"searched": False, "passages": [], "original": None, "sanitised": None}
    sanitised = redact(screened.sanitised, cleaner)
    return {
        "searched": True,
        "passages": _passages(result, screened.findings, secrets, sanitised),
        "original": shown(redact(result, secrets)),
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


def _passages(
    result: JSON, findings: Sequence[InboundFinding], secrets: Sequence[Finding], sanitised: JSON
) -> list[JSON]:
    spans: dict[str, list[Span]] = {}
    for one in findings:
        spans.setdefault(one.path, []).append((one.start, one.end, INJECTION, one.kind))
    for secret in secrets:
        if secret.path in spans and not secret.in_key:
            spans[secret.path].append((secret.start, secret.end, SECRET, secret.rule))
    told: list[JSON] = []
    for path, marks in list(spans.items())[:MAX_PASSAGES]:
        text = text_at(result, path)
        if text is not None:
            after = text_at(sanitised, path)
            told.append(
                {"path": line(path, 500), "original": _pieces(text, marks), "sanitised": _beginning(text, after)}
            )
    return told


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
