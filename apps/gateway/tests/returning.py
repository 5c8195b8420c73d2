"""Every kind of message from a server, every way it comes, every control on it: the second table of docs/coverage.md.

`test_returning.py` shows that each cell says the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from apps.gateway import methods

UNKNOWN_ANSWER = "answer to vendor/anything"
UNKNOWN_MESSAGE = "vendor/says"
ERROR = "a JSON-RPC error"
ANY = "an answer to an earlier request"
_ANSWER = "answer to "
# In whose answers a server lists what it offers, or says how it is to be used.
PINNED = frozenset({"tools/list", "prompts/list", "initialize", "server/discover"})


class Path(Enum):
    """How a message comes back."""

    JSON = "stateful, JSON"
    STREAM = "stateful, stream of a POST"
    GET = "stateful, stream of a GET"
    RESUMED = "stateful, resumed stream"
    BATCH = "in a batch"
    STATELESS = "stateless, JSON"
    STATELESS_STREAM = "stateless, stream"


class Check(Enum):
    """What is done to a message before the client gets it."""

    PIN = "pin"
    SOURCE = "source tier"
    SECRETS = "secrets"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One kind of message on one way back."""

    kind: str
    path: Path

    def __str__(self) -> str:
        return f"{self.kind}, {self.path.value}"

    @property
    def asked(self) -> str:
        """The method that it answers; "" for a message of the server's own."""
        return self.kind.removeprefix(_ANSWER) if self.kind.startswith(_ANSWER) else ""


_STATEFUL_ONLY = frozenset({"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
_NEVER_IN_BATCHES = frozenset({"initialize", "server/discover", "subscriptions/listen"})
_OF_ANSWERS = (Path.JSON, Path.STREAM, Path.BATCH, Path.STATELESS, Path.STATELESS_STREAM)
_OF_MESSAGES = (Path.STREAM, Path.GET, Path.RESUMED, Path.BATCH, Path.STATELESS_STREAM)


def arrivals() -> Iterator[Arrival]:
    """All of them, made from the gateway's own tables: a method that is added there is on this list."""
    asked = [method for method in methods.FROM_CLIENT if not method.startswith("notifications/")]
    for kind in [*(_ANSWER + method for method in asked), UNKNOWN_ANSWER, ERROR]:
        for path in _OF_ANSWERS:
            method = kind.removeprefix(_ANSWER)
            if path in (Path.STATELESS, Path.STATELESS_STREAM) and method in _STATEFUL_ONLY:
                continue
            if path is Path.BATCH and method in _NEVER_IN_BATCHES:
                continue
            yield Arrival(kind, path)
    yield Arrival(ANY, Path.RESUMED)
    for method in [*methods.FROM_SERVER, UNKNOWN_MESSAGE]:
        yield from (Arrival(method, path) for path in _OF_MESSAGES)


def why_unchecked(arrival: Arrival, check: Check) -> str:
    """Why a check has nothing to do; "" where it must be made."""
    if check is Check.PIN and arrival.asked not in PINNED and arrival.kind != ANY:
        return "lists nothing, and does not say how a server is to be used"
    return ""


def table() -> list[str]:
    """One row for all messages that have the same cells."""
    found = list(arrivals())
    reasons: dict[str, int] = {}
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for arrival in found:
        cells = []
        for check in Check:
            why = why_unchecked(arrival, check)
            cells.append("checked" if not why else f"– {reasons.setdefault(why, len(reasons) + 1)}")
        rows.setdefault((*cells, _withheld(arrival)), {}).setdefault(_named(arrival), []).append(arrival.path.value)
    lines = [
        *_TOP,
        "",
        f"{len(found)} ways back × {len(Check)} checks.",
        "",
        "| Messages | " + " | ".join(check.value for check in Check) + " | with orders that must not be delivered |",
        "|---|" + "---|" * (len(Check) + 1),
    ]
    for same, messages in rows.items():
        by_paths: dict[str, list[str]] = {}
        for name, paths in messages.items():
            by_paths.setdefault("; ".join(paths), []).append(name)
        text = ". ".join(f"{', '.join(names)} ({paths})" for paths, names in by_paths.items())
        lines.append(f"| {text} | " + " | ".join(same) + " |")
    return [*lines, "", *(f"{number}. {why}" for why, number in reasons.items()), ""]


def _withheld(arrival: Arrival) -> str:
    if arrival.kind == ANY:
        return methods.Withheld.REFUSE.value
    if arrival.kind == ERROR:
        return methods.Withheld.SANITISE.value
    spec = methods.from_client(arrival.asked) if arrival.asked else methods.from_server(arrival.kind)
    return spec.withheld.value


def _named(arrival: Arrival) -> str:
    if arrival.kind == UNKNOWN_MESSAGE:
        return "any message the gateway does not know"
    if arrival.kind == UNKNOWN_ANSWER:
        return "answer to any method the gateway does not know"
    return (
        f"answer to `{arrival.asked}`"
        if arrival.asked
        else arrival.kind
        if " " in arrival.kind
        else f"`{arrival.kind}`"
    )


_TOP = (
    "## What is checked of what a server sends",
    "",
    "*Checked*: what the check looks for does not reach the client, and the log says so. The last column says what",
    "becomes of a message with orders that must not be delivered: *a person is asked*, it *goes on without what was",
    "found*, or it *goes nowhere*, and a server that asked is told so. Shown by `test_returning.py`.",
)
