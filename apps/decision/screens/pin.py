"""What is called must be what was approved: what waits for a person, or had its answer, is not there."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from apps.decision.facts import Facts
from apps.decision.types import Call, Decision, Effect, Finding, Pin, PinStatus

KINDS: Final = MappingProxyType({"tools/call": "tool", "prompts/get": "prompt", "completion/complete": "prompt"})
STAGE: Final = "pin"
_NONE: Final[Mapping[tuple[str, str], Pin]] = MappingProxyType({})


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    kind = KINDS.get(call.method)
    if kind is None:
        return None
    pin = facts.book.pins.get(call.server, _NONE).get((kind, call.tool))
    if pin is None:
        # A completion may name a resource, which nobody pins.
        if not facts.book.review_new or call.method == "completion/complete":
            return None
        return Decision(Effect.DENY, f"No person has approved this {kind} yet", "pin.new", STAGE, findings)
    if pin.status is PinStatus.APPROVED:
        return None
    if pin.status is PinStatus.REJECTED:
        return Decision(Effect.DENY, f"A person rejected this {kind}", "pin.rejected", STAGE, findings)
    reason = f"This {kind} waits for a person's approval: it is not what was pinned, or gives orders"
    return Decision(Effect.DENY, reason, "pin.quarantined", STAGE, findings)
