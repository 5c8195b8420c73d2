"""What is known about one HTTP request once it has been let in."""

import time
from dataclasses import dataclass, field

from apps.agents.tokens import Claims
from apps.decision.errors import Outdated
from apps.decision.facts import Facts
from apps.gateway.envelope import Era
from apps.gateway.io import McpSession
from apps.gateway.leases import Lease
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
    fresh_until: float = 0.0  # on the monotonic clock; set whenever facts are gathered

    withheld: bool = False  # whether results of this agent's calls wait for a person, or for the agent to come again
    lease: Lease | None = None  # the place among the agent's calls; GET and DELETE take none

    def release(self) -> None:
        """Give the place among the agent's calls back: at the end, and before a wait for a person or a long stream."""
        if self.lease is not None:
            self.lease.release()

    def sure(self) -> None:
        """Called by a transport when the next thing is to send. Raises Outdated when the facts are too old."""
        if time.monotonic() > self.fresh_until:
            raise Outdated("The decision is too old to act on", retry_after=1)

    @property
    def owner(self) -> tuple[str, str]:
        """The agent, among those of all tenants."""
        return (self.schema, self.facts.caller.agent.id)

    def place(self) -> Place:
        """Which child serves this request, where the backend is a process."""
        return Place(self.schema, self.facts.caller.agent.id, self.facts.server.name, self.session_id)
