"""Every way into the gateway, every control, and whether the control must fire there: the table of docs/coverage.md.

`test_coverage.py` shows that each cell says the truth. `python -m apps.gateway.tests.coverage` prints the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from apps.decision.types import Action
from apps.gateway import methods
from apps.gateway.methods import Care, Method
from apps.gateway.tests import returning

UNKNOWN = "vendor/anything"
RESPONSE = "an answer to the server"
GET, RESUME, DELETE = "GET (stream)", "GET (resumed)", "DELETE (session)"


class Way(Enum):
    """How a message comes in."""

    STATEFUL = "stateful"
    STATELESS = "stateless"
    BATCH = "batch"


class Control(Enum):
    """What stands between a caller and an upstream, in the order in which it is met."""

    IDENTITY = "identity"
    RATE = "rate limit"
    KILL_SWITCH = "kill switch"
    DLP = "DLP"
    BLAST_RADIUS = "blast radius"
    POLICY = "policy"
    ESCALATION = "escalation"
    EXCEPTION = "exception"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Ingress:
    """One way in: a method (or the verb of HTTP, where that is all there is) and how it comes."""

    method: str
    way: Way

    def __str__(self) -> str:
        return f"{self.method}, {self.way.value}"

    @property
    def spec(self) -> Method:
        if self.method in (GET, RESUME, DELETE):
            return Method(Care.RECORD)
        return methods.from_client("" if self.method == RESPONSE else self.method)

    @property
    def has_body(self) -> bool:
        return self.method not in (GET, RESUME, DELETE)

    @property
    def one_way(self) -> bool:
        return self.method.startswith("notifications/") or self.method == RESPONSE


# The stateless revision has no sessions, and hence nothing of what these are for.
_STATEFUL_ONLY = frozenset(
    {"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", RESPONSE}
)
_NEVER_IN_BATCHES = frozenset({"initialize", "server/discover", "subscriptions/listen"})


def ingresses() -> Iterator[Ingress]:
    """All of them, made from the gateway's own table: a method that is added there is on this list."""
    named = [*methods.FROM_CLIENT, UNKNOWN, RESPONSE]
    yield from (Ingress(method, Way.STATEFUL) for method in named)
    yield from (Ingress(method, Way.STATEFUL) for method in (GET, RESUME, DELETE))
    for method in named:
        if method not in _STATEFUL_ONLY and not method.startswith("notifications/"):
            yield Ingress(method, Way.STATELESS)
    yield from (Ingress(method, Way.BATCH) for method in named if method not in _NEVER_IN_BATCHES)


def why_not(ingress: Ingress, control: Control) -> str:
    """Why a control has nothing to do on this way; "" where it must fire."""
    if control in (Control.IDENTITY, Control.KILL_SWITCH, Control.AUDIT):
        return ""
    if control is Control.RATE:
        return "" if ingress.has_body else "carries no message: it is a verb of HTTP alone"
    if control is Control.DLP:
        return "" if ingress.has_body else "carries no message: it is a verb of HTTP alone"
    if ingress.method == "subscriptions/listen":
        return ""  # every resource it names is decided
    if ingress.spec.care is not Care.DECIDE:
        return "recorded, and policy is not asked; what lists answer is filtered by it"
    if control is Control.ESCALATION and ingress.spec.action is Action.INITIALIZE:
        return "only says hello: the base rules ask nobody about it, a tenant's policy may"
    if control is Control.BLAST_RADIUS and ingress.method not in REACHING:
        return "names nothing that could be reached"
    return ""


# What can name files, recipients or many things at once.
REACHING = frozenset({"tools/call", "resources/read", "resources/subscribe", "prompts/get", UNKNOWN})


def page() -> str:
    """docs/coverage.md: one row for all messages that have the same cells."""
    found = list(ingresses())
    reasons: dict[str, int] = {}
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for ingress in found:
        cells = []
        for control in Control:
            why = why_not(ingress, control)
            cells.append("fires" if not why else f"– {reasons.setdefault(why, len(reasons) + 1)}")
        rows.setdefault(tuple(cells), {}).setdefault(_named(ingress.method), []).append(ingress.way.value)
    lines = [
        *_TOP,
        "",
        f"{len(found)} ways × {len(Control)} controls.",
        "",
        "| Messages | " + " | ".join(control.value for control in Control) + " |",
        "|---|" + "---|" * len(Control),
    ]
    for same, messages in rows.items():
        by_ways: dict[str, list[str]] = {}
        for name, ways in messages.items():
            by_ways.setdefault(", ".join(ways), []).append(name)
        text = "; ".join(f"{', '.join(names)} ({ways})" for ways, names in by_ways.items())
        lines.append(f"| {text} | " + " | ".join(same) + " |")
    lines += ["", *(f"{number}. {why}" for why, number in reasons.items()), "", *returning.table()]
    return "\n".join(lines)


def _named(method: str) -> str:
    if method == UNKNOWN:
        return "any method the gateway does not know"
    return method if " " in method else f"`{method}`"


_TOP = (
    "# Which control fires on which way in",
    "",
    "*stateful*: a message of the revisions that know sessions, until 2025-11-25. *stateless*: a request of",
    "2026-07-28. *batch*: one message of several in a JSON array. A dash: the control does not fire, for the reason",
    "below the table. A method that the gateway does not know is judged like a tool that executes: denied unless a",
    "policy allows it.",
    "",
    "*Fires*: with the control set against the caller, the upstream sees nothing and the log says why. For",
    "*escalation*: the message waits for a person. For *exception*: what policy denies passes by it. For *audit*: what",
    "passes is in the log first, and nothing passes while the log cannot be written.",
    "",
    "Made by `make gen` from the gateway's own table of methods; a test (`test_coverage.py`) sends a message down",
    "every way and shows each control firing.",
)


if __name__ == "__main__":
    print(page(), end="")
