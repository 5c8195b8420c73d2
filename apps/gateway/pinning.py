"""What servers list, compared with what was pinned, before a caller sees it; what is quarantined is left out.

`listed` and `instructions` get a result as its server sent it, before policy filters it and before it is screened.
"""

from apps.decision.types import JSON
from apps.gateway.context import Request
from apps.gateway.door import Door
from apps.gateway.io import Io
from apps.gateway.upstreams import Upstreams


class Pins:
    """Belongs to one event loop."""

    def __init__(self, io: Io, door: Door, upstreams: Upstreams) -> None:
        self._io = io
        self._door = door
        self._upstreams = upstreams

    async def listed(self, request: Request, method: str, result: dict[str, JSON]) -> dict[str, JSON]:
        """The result of `tools/list` or `prompts/list` (one page or all) with only what may be used; others as is."""
        return result

    async def instructions(self, request: Request, result: dict[str, JSON]) -> dict[str, JSON]:
        """The result of `initialize` or `server/discover`, without instructions that wait for a person."""
        return result

    def changed(self, request: Request, method: str, meta: JSON = None) -> None:
        """The server said that a list changed (`notifications/tools/list_changed`): it is asked anew; nobody waits.

        `meta` is the `_meta` of the request on whose stream it came, which the stateless revision needs.
        """

    async def close(self) -> None:
        """Wait for what runs in the background."""
