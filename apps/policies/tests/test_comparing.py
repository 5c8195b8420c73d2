"""Two rulebooks over the same inputs: what is a flip, and what is counted beside. Needs no database."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.types import JSON, Effect, Ruling
from apps.policies.authorizer import FAILED
from apps.policies.comparing import SAMPLES_PER_GROUP, Group, Rules, Tally, compare
from apps.policies.recorded import Recorded
from apps.policies.tests.examples import document

ALLOW, DENY = Ruling(Effect.ALLOW, "Fine", "a.allow"), Ruling(Effect.DENY, "Not so", "b.deny")
ESCALATE = Ruling(Effect.ESCALATE, "Ask", "c.ask")
LATER = 1e12
KEEPS = Group("agent-1", "Reporter", "files", "read_file", "allow", "deny")


def recorded(seq: int, text: bytes = b"", stage: str = "policy", result: str = "allow", **request: Any) -> Recorded:
    content = (text or orjson.dumps(document(**request))).decode()
    return Recorded(seq, UUID(int=seq), datetime(2026, 1, 1, tzinfo=UTC), content, result, "a.allow", stage)


def saying(ruling: Ruling | bool) -> Any:
    return lambda document: ruling


def judged(
    inputs: list[Recorded], before: Ruling = ALLOW, after: Ruling = DENY, until: float = LATER, same: bool = False
) -> Tally:
    return compare(inputs, Rules(saying(before), saying(after), saying(same)), start=0, until=until)


@pytest.mark.parametrize(("before", "after"), [(ALLOW, DENY), (DENY, ALLOW), (ALLOW, ESCALATE), (ESCALATE, DENY)])
def test_it_counts_a_flip_for_its_agent_and_tool(before: Ruling, after: Ruling) -> None:
    tally = judged([recorded(3), recorded(5)], before, after)
    pair = (before.result.value, after.result.value)
    assert (tally.cursor, tally.done, tally.flips, tally.pairs) == (5, 2, 2, {pair: 2})
    assert tally.groups == {Group("agent-1", "Reporter", "files", "read_file", *pair): 2}
    sample = tally.samples[0]
    assert (sample.recorded.seq, sample.resource) == (3, "/srv/report.csv")
    assert (sample.before.policy, sample.after.reason) == (before.policy, after.reason)


def test_it_takes_equal_answers_for_no_flip_whatever_their_reasons() -> None:
    tally = judged([recorded(1)], ALLOW, Ruling(Effect.ALLOW, "Otherwise", "z"))
    assert (tally.flips, tally.samples, tally.pairs) == (0, [], {("allow", "allow"): 1})


def test_it_compares_with_the_rules_in_effect_and_not_with_what_was_recorded() -> None:
    """What was denied then and is allowed by both now has changed, but not by the candidate."""
    tally = judged([recorded(1, result="deny"), recorded(2, result="deny", stage="exception")], ALLOW, ALLOW)
    assert (tally.flips, tally.drifted) == (0, 1)


@pytest.mark.parametrize("text", [b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b'{"a": "\\ud800"}'])
def test_it_goes_past_an_input_that_cannot_be_read(text: bytes) -> None:
    tally = judged([recorded(1, text), recorded(2)])
    assert (tally.cursor, tally.done, tally.unreadable, tally.flips) == (2, 2, 1, 1)


def test_it_counts_errors_of_each_side_as_the_denials_that_they_are() -> None:
    tally = judged([recorded(1)], ALLOW, FAILED)
    assert (tally.errors_before, tally.errors_after, tally.groups) == (0, 1, {KEEPS: 1})
    both = judged([recorded(1)], FAILED, FAILED)
    assert (both.errors_before, both.errors_after, both.flips) == (1, 1, 0)


def test_it_does_not_judge_what_both_decide_alike() -> None:
    tally = judged([recorded(1)], ALLOW, DENY, same=True)
    assert (tally.done, tally.unchanged, tally.flips, tally.pairs) == (1, 1, 0, {})


def test_it_counts_masked_inputs() -> None:
    masked = document() | {"dlp": {"has_findings": True, "findings": []}}
    assert judged([recorded(1, orjson.dumps(masked)), recorded(2)]).masked == 1


def test_it_keeps_a_handful_of_samples_of_each_group() -> None:
    inputs = [recorded(seq, tool_name="a" if seq % 2 else "b") for seq in range(1, 101)]
    tally = judged(inputs)
    assert (tally.flips, len(tally.samples), set(tally.groups.values())) == (100, 2 * SAMPLES_PER_GROUP, {50})


def test_it_stops_when_its_time_is_up_but_does_one_at_least() -> None:
    tally = judged([recorded(7), recorded(8)], until=time.monotonic() - 1)
    assert (tally.cursor, tally.done) == (7, 1)


def test_it_makes_texts_fit_to_be_stored() -> None:
    tally = judged([recorded(1, tool_name="nul\0" + "x" * 900, resource="\0")])
    (group,) = tally.groups
    assert (len(group.tool), group.tool[:4], tally.samples[0].resource) == (200, "nul\ufffd", "\ufffd")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_PARTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("agent", "request", "dlp", "requester"), _JSON))


@given(st.lists(_PARTS | _JSON, max_size=6))
def test_it_survives_any_input_and_loses_none(documents: list[JSON]) -> None:
    inputs = [recorded(seq, orjson.dumps(one)) for seq, one in enumerate(documents, 1)]
    tally = judged(inputs)
    assert tally.done == len(inputs) == tally.unreadable + sum(tally.pairs.values())
