"""When two columns count as the same, and what the table says."""

import json
from pathlib import Path

import pytest

from behavry.conformance.report import compare, table
from behavry.conformance.suite import SUITES, Check, Outcome, Verdict, read_outcomes

SUITE = SUITES[0]


def _outcome(**statuses: str) -> Outcome:
    return Outcome(tuple(Check(id, status, "broken" if status == "FAILURE" else "") for id, status in statuses.items()))


GOOD = _outcome(a="SUCCESS", b="SUCCESS", note="INFO")


def test_it_finds_no_difference_between_equal_columns() -> None:
    assert not list(compare(SUITE, {"ping": GOOD}, {"ping": GOOD}, "gateway, http"))


@pytest.mark.parametrize(
    ("expected", "got", "why"),
    [
        (GOOD, _outcome(a="SUCCESS", b="FAILURE"), "ok became FAIL: b: broken"),
        (GOOD, _outcome(a="SUCCESS", b="WARNING"), "ok became warn"),
        (_outcome(a="FAILURE"), _outcome(a="SUCCESS"), "FAIL became ok"),
        (GOOD, Outcome(()), "ok became none"),
        (Outcome(()), GOOD, "none became ok"),
        (GOOD, _outcome(a="SUCCESS", b="SKIPPED"), "no longer checked: b"),
    ],
)
def test_it_finds_every_difference(expected: Outcome, got: Outcome, why: str) -> None:
    (found,) = compare(SUITE, {"ping": expected}, {"ping": got}, "gateway, http")
    assert (found.scenario, found.column, found.why) == ("ping", "gateway, http", why)


def test_it_notices_a_scenario_that_is_missing_from_one_column() -> None:
    assert [found.scenario for found in compare(SUITE, {"ping": GOOD}, {}, "gateway, http")] == ["ping"]
    assert [found.scenario for found in compare(SUITE, {}, {"ping": GOOD}, "gateway, http")] == ["ping"]


def test_it_lets_the_gateway_do_better_than_the_server_only_in_what_is_optional() -> None:
    warned = _outcome(a="WARNING", b="SUCCESS")
    assert not list(compare(SUITE, {"ping": warned}, {"ping": GOOD}, "gateway, http"))
    assert list(compare(SUITE, {"ping": GOOD}, {"ping": warned}, "gateway, http"))
    assert list(compare(SUITE, {"ping": _outcome(a="FAILURE")}, {"ping": GOOD}, "gateway, http"))


def test_it_excuses_lost_checks_only_where_a_reason_is_given() -> None:
    for check, columns in (
        ("server-sse-streams-functional", {"gateway, http", "gateway, stdio"}),
        ("server-sse-disconnect-resume", {"gateway, stdio"}),
        ("another", set()),
    ):
        made = Outcome((Check("a", "SUCCESS", ""), Check(check, "SUCCESS", "")))
        lost = Outcome((Check("a", "SUCCESS", ""), Check(check, "INFO", "")))
        found = {
            name
            for name in ("gateway, http", "gateway, stdio")
            if not list(compare(SUITE, {"x": made}, {"x": lost}, name))
        }
        assert found == columns


def test_it_shows_a_column_for_each_way() -> None:
    lines = table(SUITE, {"direct": {"ping": GOOD}, "gateway, http": {"ping": _outcome(a="FAILURE")}})
    assert lines[0] == SUITE.title
    assert lines[2].split() == ["ping", "ok", "2/2", "FAIL", "0/1"]
    assert lines[3].split("  ")[-1] == "0 of 1"


def test_it_reads_what_the_suite_leaves_behind(tmp_path: Path) -> None:
    result = tmp_path / "server-tools-list-2026-11-23T18-15-45-377Z"
    result.mkdir()
    checks = [{"id": "a", "status": "SUCCESS"}, {"id": "b", "status": "FAILURE", "errorMessage": "no"}]
    (result / "checks.json").write_text(json.dumps(checks))
    (tmp_path / "server-unreadable-name").mkdir()
    (tmp_path / "server-unreadable-name" / "checks.json").write_text("[]")
    outcomes = read_outcomes(tmp_path)
    assert outcomes == {"tools-list": Outcome((Check("a", "SUCCESS", ""), Check("b", "FAILURE", "no")))}
    assert outcomes["tools-list"].verdict is Verdict.FAILED
