"""What a client is told when a call does not go through, in the protocol's own words."""

from uuid import UUID

from apps.decision.types import JSON, Decision, Effect
from apps.gateway.errors import DENIED
from apps.gateway.messages import INVALID_PARAMS, METHOD_NOT_FOUND, Message, dumps, error_body, result_body
from apps.gateway.methods import Method, Refusal

DECISION_KEY = "behavry/decision"

# HTTP statuses that the stateless revision asks for, by JSON-RPC code; everything else is 200.
STATUS_OF_CODE = {-32700: 400, -32600: 400, -32602: 400, -32020: 400, -32021: 400, -32022: 400, -32601: 404}


def account(decision: Decision, event_id: UUID) -> dict[str, JSON]:
    """The four facts every refusal carries."""
    return {
        "decision": decision.effect.value,
        "reason": decision.reason,
        "policy": decision.policy,
        "event_id": str(event_id),
    }


def refusal(message: Message, method: Method, decision: Decision, event_id: UUID) -> dict[str, JSON]:
    facts = account(decision, event_id)
    verb = "needs approval" if decision.effect is Effect.ESCALATE else "denied"
    sentence = f"Call {verb} by {decision.policy or decision.stage}: {decision.reason}"
    if method.refusal is Refusal.TOOL_RESULT:
        content = [{"type": "text", "text": sentence}, {"type": "text", "text": dumps(facts).decode()}]
        result = {"content": content, "isError": True, "resultType": "complete", "_meta": {DECISION_KEY: facts}}
        return result_body(message.id, result)
    return error_body(message.id, DENIED, sentence, facts)


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
