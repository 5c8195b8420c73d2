"""From what the screens and the policy say to one decision, and the document that the policy is asked about."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from apps.decision import pipeline
from apps.decision.tests.builders import (
    ALLOWED,
    allow_all,
    make_agent,
    make_call,
    make_facts,
    make_finding,
    make_rulebook,
)
from apps.decision.types import JSON, DlpAction, Effect, Ruling

SCHEMA = Path(__file__).resolve().parents[3] / "policies" / "schemas" / "input.json"
REFUSED = Ruling(Effect.DENY, "No policy allows this call", "default")


def test_it_leaves_an_unremarkable_call_to_the_policy() -> None:
    assert pipeline.screen(make_call(), make_facts(), ()) is None


def test_it_stops_at_the_first_screen_that_settles_the_call() -> None:
    facts = make_facts(book=make_rulebook(agents={"agent-1": make_agent(status="suspended")}, servers={}))
    decision = pipeline.screen(make_call(), facts, (make_finding(),))
    assert decision is not None
    assert (decision.effect, decision.stage, decision.policy) == (Effect.DENY, "identity", "identity.suspended")


def test_it_denies_a_secret_before_policy_is_asked() -> None:
    decision = pipeline.screen(make_call(), make_facts(), (make_finding(rule="private_key"),))
    assert decision is not None
    assert (decision.effect, decision.stage, decision.policy) == (Effect.DENY, "dlp", "dlp.private_key")


def test_it_follows_the_policy() -> None:
    found = (make_finding(action=DlpAction.LOG),)
    allowed = pipeline.conclude(make_call(), make_facts(), found, ALLOWED)
    assert (allowed.effect, allowed.stage) == (Effect.ALLOW, "policy")
    assert (allowed.findings, allowed.verdicts) == (found, ALLOWED.verdicts)
    assert pipeline.conclude(make_call(), make_facts(), (), REFUSED).effect is Effect.DENY


def test_it_names_what_is_to_be_redacted_and_only_that() -> None:
    redacted, logged = make_finding(action=DlpAction.REDACT), make_finding(rule="email", action=DlpAction.LOG)
    decision = pipeline.conclude(make_call(), make_facts(), (redacted, logged), ALLOWED)
    assert decision.effect is Effect.ALLOW
    assert pipeline.to_redact(decision) == (redacted,)


async def test_it_asks_the_policy_in_process_or_elsewhere() -> None:
    async def elsewhere(document: JSON) -> Ruling:
        return REFUSED

    assert await pipeline.ask(make_rulebook(authorize=allow_all), {}) is ALLOWED
    assert await pipeline.ask(make_rulebook(authorize=allow_all, authorize_async=elsewhere), {}) is REFUSED


@pytest.mark.parametrize("action", list(DlpAction))
def test_it_writes_documents_that_their_schema_describes(action: DlpAction) -> None:
    facts = make_facts(context={"era": "stateless"})
    document = pipeline.document(make_call(), facts, (make_finding(action=action),))
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(json.dumps(document)))
    assert document["context"]["era"] == "stateless"
    assert document["context"]["time_ns"] == 1767355200 * 10**9
    assert document["dlp"]["findings"] == [
        {"pattern": "credit_card", "severity": "high", "location": "$.arguments.path", "action": action.value}
    ]


def test_it_lets_no_context_pose_as_the_tenant_or_the_session() -> None:
    document = pipeline.document(make_call(), make_facts(context={"tenant": "t_globex", "session_id": "x"}))
    assert (document["context"]["tenant"], document["context"]["session_id"]) == ("t_acme", "session-1")
