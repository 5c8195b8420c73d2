"""What a caller is told of a call that was carried out and whose result is withheld."""

from typing import Final

from apps.decision.chain import text_of_time
from apps.decision.types import JSON, Effect
from apps.exceptions.models import Escalation
from apps.exceptions.services.escalations import Held
from apps.gateway import answers
from apps.gateway.errors import DENIED
from apps.gateway.messages import dumps, error_body, result_body
from apps.gateway.methods import Refusal
from apps.gateway.pipeline import Judged

RESULT: Final = Escalation.Subject.INBOUND.value
WAITS: Final = "The result waits for a person"
# For a model to read: the call is done, and saying it again is how to get what became of it.
RETRY: Final = "Repeat the identical call to get its result: until then it is not carried out again."
NOT_AGAIN: Final = "Do not repeat the call on account of this: it was carried out."


def reason(held: Held) -> str:
    """As the log has it."""
    said = f"Blocked by {held.resolved_by}" + (f": {held.note}" if held.note else "")
    return _reason(held, said)


def told(held: Held) -> str:
    """As the agent is told: who it was is for the log."""
    return _reason(held, "Blocked by a person" + (f": {held.note}" if held.note else ""))


def refusal(judged: Judged) -> dict[str, JSON]:
    """The result still waits, or nobody gets it."""
    decision, held = judged.decision, judged.held
    assert held is not None
    sentence = f"The call was carried out; its result is withheld by {decision.policy}: {decision.reason}."
    facts = _facts(judged)
    if decision.effect is Effect.ESCALATE:
        sentence += f" A person has until {text_of_time(held.expires_at)} (escalation {held.id}). {RETRY}"
    else:
        sentence += f" {NOT_AGAIN}"
    return _body(judged, sentence, facts)


def not_kept(judged: Judged, why: str) -> dict[str, JSON]:
    """Nobody can be asked, so nothing of the result is delivered."""
    facts: dict[str, JSON] = {
        "decision": Effect.DENY.value,
        "reason": f"The result holds orders, and {why[:1].lower()}{why[1:]}",
        "policy": "inbound.withheld",
        "event_id": str(judged.entry.id),
        "result": "withheld",
    }
    sentence = f"The call was carried out; its result is withheld by inbound.withheld: {facts['reason']}. {NOT_AGAIN}"
    return _body(judged, sentence, facts)


def input_required(judged: Judged, request_state: str) -> dict[str, JSON]:
    """Of the stateless revision: nothing is asked of the client but to come again with this state."""
    meta = {answers.DECISION_KEY: _facts(judged)}
    result = {"resultType": "input_required", "requestState": request_state, "_meta": meta}
    return result_body(judged.message.id, result)


def _facts(judged: Judged) -> dict[str, JSON]:
    facts = answers.account(judged.decision, judged.entry.id, judged.held)
    facts["result"] = "withheld"
    if "retry" in facts:
        facts["retry"] = RETRY
    return facts


def _reason(held: Held, blocked: str) -> str:
    if held.status == "approved":
        return "The result waits for a request that asks for it"
    if held.status == "used":
        return "The result was delivered already"
    if held.status == "expired":
        return "The result was released and not fetched in time" if held.resolution else "Nobody decided in time"
    return blocked


def _body(judged: Judged, sentence: str, facts: dict[str, JSON]) -> dict[str, JSON]:
    if judged.method.refusal is Refusal.TOOL_RESULT:
        content = [{"type": "text", "text": sentence}, {"type": "text", "text": dumps(facts).decode()}]
        result = {
            "content": content, "isError": True, "resultType": "complete", "_meta": {answers.DECISION_KEY: facts}
        }  # fmt: skip
        return result_body(judged.message.id, result)
    return error_body(judged.message.id, DENIED, sentence, facts)
