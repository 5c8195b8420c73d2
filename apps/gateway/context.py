"""What is known about one HTTP request once it has been let in."""

from dataclasses import dataclass, field

from apps.agents.tokens import Claims
from apps.decision.types import Facts
from apps.gateway.envelope import Era
from apps.gateway.io import McpSession
from apps.gateway.transports.stdio import Place
from apps.gateway.wire import Receive, Send


@dataclass(slots=True)
class Request:
    schema: str
    facts: Facts
    claims: Claims
    headers: dict[bytes, bytes]
    pairs: list[tuple[bytes, bytes]]
    receive: Receive
    send: Send
    session_id: str = ""  # what the client sent as Mcp-Session-Id
    session: McpSession | None = None
    era: Era = Era.STATEFUL
    counts: dict[str, int] = field(default_factory=dict)

    def place(self) -> Place:
        """Which child serves this request, where the backend is a process."""
        return Place(self.schema, self.facts.caller.agent.id, self.facts.server.name, self.session_id)
