"""How uvicorn serves the gateway: an answer's head leaves together with its body.

`uvicorn --http apps.gateway.serving:HttpProtocol`. Uvicorn writes the two one after the other, and every write is a
system call and wakes whoever waits for it: with small answers that is a tenth of what a governed call costs.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

COPIED: Final = 65_536  # bytes: what is longer is not copied to stand behind its head


class HeldHead:
    """A transport that keeps one write back until the next one, at the latest until the end of the loop's turn."""

    __slots__ = ("_held", "_loop", "plain")

    def __init__(self, plain: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.plain = plain
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if not self._held:
            self._held = data
            self._loop.call_soon(self._let_go)
        else:
            held, self._held = self._held, b""
            if len(data) < COPIED:
                self.plain.write(held + data)
            else:
                self.plain.writelines((held, data))

    def _let_go(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self.plain.write(data)

    def close(self) -> None:
        self._let_go()
        self.plain.close()

    def is_closing(self) -> bool:
        return self.plain.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class HttpProtocol(HttpToolsProtocol):
    """Uvicorn's, over a transport that holds the head back."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast(asyncio.Transport, HeldHead(transport, self.loop)))

    def handle_websocket_upgrade(self) -> None:
        held = cast(HeldHead, self.transport)
        held._let_go()
        self.transport = held.plain
        super().handle_websocket_upgrade()
