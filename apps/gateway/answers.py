"""What a client is told when a call does not go through, in the protocol's own words."""

from dataclasses import replace
from uuid import UUID

from apps.decision.chain import text_of_time
from apps.decision.scan.canary import is_canary
from apps.decision.screens import fragments
from apps.decision.types import JSON, Decision, Effect, Screened
from apps.exceptions.services.escalations import Held
from apps.gateway.errors import DENIED
from apps.gateway.messages import INVALID_PARAMS, METHOD_NOT_FOUND, Message, dumps, error_body, result_body
from apps.gateway.methods import Method, Refusal
from apps.gateway.pipeline import Judged
from apps.gateway.remarks import why_withheld

DECISION_KEY = "behavry/decision"
NOT_PASSED = "The gateway did not pass this request on"  # to a server whose request its client never gets

# HTTP statuses that the stateless revision asks for, by JSON-RPC code; everything else is 200.
STATUS_OF_CODE = {-32700: 400, -32600: 400, -32602: 400, -32020: 400, -32021: 400, -32022: 400, -32601: 404}


# For a model to read: what the caller has to do, and what it need not try.
RETRY = "Repeat the identical call once it is approved; with other arguments it needs another approval."


def account(decision: Decision, event_id: UUID, held: Held | None = None) -> dict[str, JSON]:
    """The four facts every refusal carries, and the escalation where there is one."""
    decision = _as_told(decision)
    facts: dict[str, JSON] = {
        "decision": decision.effect.value,
        "reason": decision.reason,
        "policy": decision.policy,
        "event_id": str(event_id),
    }
    if held is not None and held.id:
        facts |= {"escalation": held.id, "status": held.status}
        if held.status == "pending":
            facts |= {"expires_at": text_of_time(held.expires_at), "retry": RETRY}
    return facts


def refusal(
    message: Message, method: Method, decision: Decision, event_id: UUID, held: Held | None = None
) -> dict[str, JSON]:
    facts = account(decision, event_id, held)
    sentence = _sentence(decision, held)
    if method.refusal is Refusal.TOOL_RESULT:
        return _tool_result(message, sentence, facts)
    return error_body(message.id, DENIED, sentence, facts)


def input_required(
    message: Message, decision: Decision, event_id: UUID, held: Held, request_state: str
) -> dict[str, JSON]:
    """Of the stateless revision: nothing is asked of the client but to come again with this state."""
    meta = {DECISION_KEY: account(decision, event_id, held)}
    return result_body(message.id, {"resultType": "input_required", "requestState": request_state, "_meta": meta})


def withheld(judged: Judged | None, id: int | str | None, screened: Screened, event_id: UUID | None) -> dict[str, JSON]:
    """Instead of an answer that may not be passed on. `judged` is what it answers, where that is known."""
    policy, reason = why_withheld(screened)
    facts: dict[str, JSON] = {"decision": Effect.DENY.value, "reason": reason, "policy": policy, "result": "withheld"}
    if event_id is not None:
        facts["event_id"] = str(event_id)
    sentence = f"The answer is withheld by {policy}: {reason}."
    if judged is None:
        return error_body(id, DENIED, sentence, facts)
    if judged.method.refusal is Refusal.TOOL_RESULT:
        return _tool_result(judged.message, f"{sentence} The call itself was carried out.", facts)
    return error_body(judged.message.id, DENIED, sentence, facts)


def _tool_result(message: Message, sentence: str, facts: dict[str, JSON]) -> dict[str, JSON]:
    content = [{"type": "text", "text": sentence}, {"type": "text", "text": dumps(facts).decode()}]
    result = {"content": content, "isError": True, "resultType": "complete", "_meta": {DECISION_KEY: facts}}
    return result_body(message.id, result)


def _as_told(decision: Decision) -> Decision:
    """Whoever touched a canary is not told that it was one, nor its name. Log and people know."""
    stage, _, rule = decision.policy.partition(".")
    if stage not in ("dlp", fragments.STAGE) or not is_canary(rule):
        return decision
    path = next((one.path for one in decision.findings if one.scanner == "dlp" and one.rule == rule), "")
    reason = f"A secret may not leave, found at {path}" if path else "A secret may not leave"
    return replace(decision, policy="dlp.secret", stage="dlp", reason=reason)


def _sentence(decision: Decision, held: Held | None) -> str:
    decision = _as_told(decision)
    if decision.effect is not Effect.ESCALATE:
        return f"Call denied by {decision.policy or decision.stage}: {decision.reason}"
    sentence = f"Call needs approval by {decision.policy or decision.stage}: {decision.reason}"
    if held is None:
        return sentence
    return f"{sentence}. It waits for a person until {text_of_time(held.expires_at)} (escalation {held.id}). {RETRY}"


def unknown(message: Message, name: str) -> dict[str, JSON]:
    """For what does not exist and for what this caller may not know of: one answer, nothing to tell them apart."""
    what = {"tools/call": "tool", "prompts/get": "prompt"}.get(message.method, "resource")
    return error_body(message.id, INVALID_PARAMS, f"Unknown {what}: {name}")


def is_unknown_tool(message: Message, body: dict[str, JSON]) -> bool:
    return message.method == "tools/call" and body == unknown(message, str(message.params.get("name")))


def no_discovery(message: Message) -> dict[str, JSON]:
    """For a backend that only knows sessions: clients fall back to `initialize` on this."""
    return error_body(message.id, METHOD_NOT_FOUND, "Method not found")


def status_of(body: dict[str, JSON]) -> int:
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return STATUS_OF_CODE.get(code, 200) if isinstance(code, int) else 200
