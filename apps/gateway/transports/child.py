"""One child process and its pipes: started under the warden, read line by line, gone with everything it started."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from apps.decision.errors import UpstreamFailed
from apps.decision.types import JSON
from apps.gateway.errors import UpstreamSlow
from apps.gateway.limits import Limits
from apps.gateway.messages import ProtocolError, loads
from apps.gateway.transports.base import Sure

WARDEN = Path(__file__).with_name("warden.py")
END_SECONDS = 4.0  # the warden's grace, its kill, and some air


class Child:
    """`receive` gets every message; `ended` is called once when the process is gone, however it went."""

    def __init__(self, limits: Limits, receive: Callable[[dict[str, JSON]], None], ended: Callable[[], None]) -> None:
        self._limits = limits
        self._receive = receive
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lifeline = -1
        self._turn = asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._reading is not None and not self._reading.done()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """The child sees exactly the registry's environment, and PATH."""
        theirs, self._lifeline = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(WARDEN), str(theirs), str(self._limits.child_memory_bytes), "--",
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=self._limits.answer_bytes,
                env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                cwd="/",
                pass_fds=(theirs,),
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError):
            self._cut()
            raise UpstreamFailed("The backend's process cannot be started", code="upstream_not_started") from None
        finally:
            os.close(theirs)
        assert self._process.stdin is not None
        # "Drained" then means that nothing waits in this process: what waits here would leave long after it was judged.
        self._process.stdin.transport.set_write_buffer_limits(high=0)
        self._reading = asyncio.create_task(self._read(), name="gateway-child")

    async def send(self, line: bytes, sure: Sure) -> None:
        """One message at a time. Raises Outdated from `sure` before anything was sent."""
        process = self._process
        if process is None or process.stdin is None or not self.alive:
            raise UpstreamFailed("The backend's process has ended", code="upstream_ended")
        try:
            async with asyncio.timeout(self._limits.call_seconds), self._turn:
                await process.stdin.drain()
                sure()
                process.stdin.write(line + b"\n")
                await process.stdin.drain()
        except TimeoutError:
            raise UpstreamSlow("The backend does not read what it is sent") from None
        except (OSError, RuntimeError):
            raise UpstreamFailed("The backend's process has ended", code="upstream_ended") from None

    def send_soon(self, line: bytes) -> None:
        """Without waiting, for what is told on the way out."""
        if self._process is not None and self._process.stdin is not None and self.alive:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(line + b"\n")

    async def close(self) -> None:
        """Returns when the process and its family are gone."""
        self._cut()
        process = self._process
        if process is not None and process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), END_SECONDS)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    def _cut(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _read(self) -> None:
        assert self._process is not None
        stdout = self._process.stdout
        assert stdout is not None
        try:
            while True:
                line = await stdout.readuntil(b"\n")
                try:
                    value = loads(line)
                except ProtocolError:
                    continue  # chatter on stdout is common and means nothing
                if isinstance(value, dict) and value.get("jsonrpc") == "2.0":
                    self._receive(value)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # it ended, or said more in one line than anyone may
        finally:
            self._cut()
            self._ended()
