"""Child processes of one run: each in its own process group with its own log file, all stopped together."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from behavry.embedded import ROOT, ServiceError, die_with_parent

STOP_SECONDS = 10.0


class Processes:
    """`with Processes(env, logs) as p: p.start("web", [...])`; leaving the block stops them in reverse order."""

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self._env = dict(env)
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(
        self, name: str, command: list[str], *, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - commands are written in this project
                command,
                env={**self._env, **(env or {})},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._running[name] = process
        return process

    def raise_if_any_ended(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = self.log(name).read_text(errors="replace")[-1500:]
                raise ServiceError(f"The process {name} ended with exit code {process.returncode}:\n{tail}")

    def stop(self) -> None:
        """Ask every process to stop, then kill the groups of those that did not, with their children."""
        for process in reversed(self._running.values()):
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()
