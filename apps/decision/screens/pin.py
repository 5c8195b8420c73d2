"""What is called must be what was approved: what waits for a person, or had its answer, is not there."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from apps.decision.facts import Facts
from apps.decision.pins import flaw
from apps.decision.scan.injection.folding import INVISIBLE, LOOKALIKES, fold
from apps.decision.types import Call, Decision, Effect, Finding, Pin, PinStatus

KINDS: Final = MappingProxyType({"tools/call": "tool", "prompts/get": "prompt", "completion/complete": "prompt"})
STAGE: Final = "pin"
_NONE: Final[Mapping[tuple[str, str], Pin]] = MappingProxyType({})


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    kind = KINDS.get(call.method)
    if kind is None:
        return None
    pins = facts.book.pins.get(call.server, _NONE)
    pin = pins.get((kind, call.tool))
    if pin is None:
        # A completion may name a resource, which nobody pins.
        if call.method == "completion/complete" and "://" in call.tool:
            return None
        if flaw(None, call.tool) or INVISIBLE.search(call.tool):
            return Decision(Effect.DENY, f"No {kind} of this name can be pinned", "pin.name", STAGE, findings)
        if _poses(kind, call.tool, pins):
            # Decided as what nobody has seen yet: the server is asked whether it lists a thing of this very name.
            reason = f"No {kind} of this name is approved, and it looks like one that may not be used"
            return Decision(Effect.DENY, reason, "pin.new", STAGE, findings)
        if not facts.book.review_new or call.method == "completion/complete":
            return None
        return Decision(Effect.DENY, f"No person has approved this {kind} yet", "pin.new", STAGE, findings)
    if pin.status is PinStatus.APPROVED:
        return None
    if pin.status is PinStatus.REJECTED:
        return Decision(Effect.DENY, f"A person rejected this {kind}", "pin.rejected", STAGE, findings)
    reason = f"This {kind} waits for a person's approval: it is not what was pinned, or gives orders"
    return Decision(Effect.DENY, reason, "pin.quarantined", STAGE, findings)


def _poses(kind: str, name: str, pins: Mapping[tuple[str, str], Pin]) -> bool:
    """Whether a server that reads names loosely would take it for one that is quarantined or rejected."""
    shape = _shape(name)
    shut = (key[1] for key, pin in pins.items() if key[0] == kind and pin.status is not PinStatus.APPROVED)
    return any(_shape(one) == shape for one in shut)


def _shape(name: str) -> str:
    return "".join(fold(name).casefold().translate(LOOKALIKES).split())
