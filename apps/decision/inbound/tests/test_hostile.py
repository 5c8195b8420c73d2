"""Whatever a server sends: no exception, work that grows with its size and no faster, places that are there."""

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from apps.decision.inbound.fuzzing import Fuzz, failures
from apps.decision.inbound.screen import build_screen
from apps.decision.inbound.tests.build import KEY, ORDER, SALT, encoded, make_screen, said, scan
from apps.decision.scan.injection.kinds import Report
from apps.decision.scan.scanner import build_result_scanner
from apps.decision.types import JSON, DlpAction

SCREEN = make_screen()


def test_made_values_break_nothing() -> None:
    """Many more: `python -m apps.decision.inbound.fuzzing --rounds 20000`."""
    assert list(failures(iter(range(60)), Fuzz())) == []


def steps(work: Callable[[], object]) -> int:
    """Calls made, of Python and C: what is counted does not depend on the machine."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _data(text: str, times: int) -> JSON:
    return {"structuredContent": {"rows": [{"k": text} for _ in range(times)]}}


def _keys(text: str, times: int) -> JSON:
    return {"structuredContent": {f"{text} {number}": number for number in range(times)}}


def _inner(text: str, times: int) -> JSON:
    return said(json.dumps({"a": json.dumps({"b": [text] * times})}))


def _lines(text: str, times: int) -> JSON:
    return said("\n".join([json.dumps({"a": text})] * times))


def _deep(text: str, times: int) -> JSON:
    value: JSON = text
    for _ in range(times):
        value = {"k": [value]}
    return {"structuredContent": value}


def _blob(text: str, times: int) -> JSON:
    return {"contents": [{"uri": "f:a", "blob": encoded(text * times)}]}


SHAPES: tuple[Callable[[str, int], JSON], ...] = (
    lambda text, times: said(text * times),
    lambda text, times: said(*[text] * times),
    _data,
    _keys,
    _inner,
    _lines,
    _deep,
    _blob,
)


@pytest.mark.parametrize("text", [ORDER + ". ", KEY + " ", "a", '\\"', "\u200b", "é<b>", '{"a":1}\n'])
def test_work_grows_with_the_size_and_no_faster(text: str) -> None:
    for shape in SHAPES:
        small, large = shape(text, 20), shape(text, 80)
        few, many = (steps(lambda value=value: SCREEN(value, "files", SALT)) for value in (small, large))  # type: ignore[misc]
        assert many <= 6 * few + 2_000, (shape, few, many)


def test_scanners_are_given_a_bounded_multiple_of_what_there_is() -> None:
    given = 0

    def counting(text: str) -> Report:
        nonlocal given
        given += len(text)
        return scan(text)

    screen = build_screen(counting, build_result_scanner({}, (), DlpAction.REDACT))
    for shape in SHAPES:
        value = shape(ORDER + ". ", 150)
        given = 0
        screen(value, "files", SALT)
        assert given <= 8 * len(json.dumps(value))


@pytest.mark.parametrize("piece", ["\0", "[", "\u200b", "\ud800", "\U000e0041", "%41", "\\u0069", "A", " "])
def test_a_long_run_of_anything_is_read(piece: str) -> None:
    screened = SCREEN(said(piece * 60_000), "files", SALT)
    assert all(0 <= one.start < one.end <= 60_000 * len(piece) for one in screened.findings if one.rule != "scan_limit")


def test_depth_is_no_concern() -> None:
    value = _deep(ORDER, 3_000)
    screened = SCREEN(value, "files", SALT)
    assert screened.findings[0].path.count("[0]") == 3_000
    assert SCREEN(screened.sanitised, "files", SALT).findings == ()


def test_many_secrets_in_great_depth_are_withheld_and_not_told_one_by_one() -> None:
    value: JSON = [KEY] * 900
    for _ in range(900):
        value = [value]
    screened = SCREEN({"structuredContent": value}, "files", SALT)
    assert screened.findings[0].rule == "scan_limit"
    assert screened.secrets == ()
