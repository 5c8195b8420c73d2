"""Names that nobody can pin, and names that only look like another, are no way around a pin."""

import pytest

from apps.decision.facts import Facts
from apps.decision.screens import pin
from apps.decision.tests.builders import make_call, make_facts, make_rulebook
from apps.decision.types import Effect, Pin, PinStatus

PINS = {
    ("tool", "send_mail"): Pin("", PinStatus.QUARANTINED, "b"),
    ("tool", "wipe"): Pin("", PinStatus.REJECTED, "c"),
    ("tool", "Wipe"): Pin("d", PinStatus.APPROVED),
    ("tool", "read"): Pin("e", PinStatus.APPROVED),
}


def judged(tool: str, method: str = "tools/call") -> str:
    """The policy that refused it, or ""."""
    call = make_call(method=method, tool=tool)
    facts: Facts = make_facts(book=make_rulebook(pins={call.server: PINS}))
    decision = pin.screen(call, facts, ())
    if decision is None:
        return ""
    assert (decision.effect, decision.stage) == (Effect.DENY, "pin")
    return decision.policy


@pytest.mark.parametrize("tool", ["x" * 1001, "zap\u200b", "a\x00", "read\u202e", "read\u3164", "a\u034f", "wi\x85pe"])
def test_a_name_that_cannot_be_pinned_is_refused(tool: str) -> None:
    assert judged(tool) == "pin.name"


@pytest.mark.parametrize("tool", ["Send_Mail", "send_mail ", " send _mail", "ｓend_mail", "ѕend_mаil", "WIPE", "wípe"])
def test_a_name_that_looks_like_one_that_may_not_be_used_is_refused(tool: str) -> None:
    assert judged(tool) == "pin.new"


@pytest.mark.parametrize("tool", ["Wipe", "read", "READ", "send_mails", "発注", "résumé"])
def test_other_names_and_what_is_approved_pass(tool: str) -> None:
    assert judged(tool) == ""


def test_a_prompt_is_no_tool_and_a_resource_is_neither() -> None:
    assert judged("Send_Mail", "prompts/get") == ""
    assert judged("x\u200b", "prompts/get") == "pin.name"
    assert judged("file:///a\u200b" + "x" * 1001, "completion/complete") == ""
