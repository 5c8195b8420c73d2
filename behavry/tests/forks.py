"""Starts the gateway over and over without importing it each time: a parent that has imported it forks on request.

The children are ordinary gateway processes under uvicorn; only their start is short, so that thirty of them can be
killed in a test. Run as `python -m behavry.tests.forks PORT`: a line on stdin asks for a child, its pid comes back.
"""

import os
import signal
import subprocess
import sys
from types import TracebackType

from behavry.embedded import ROOT
from behavry.tests.house import House


class Forks:
    """`with Forks(house) as forks: pid = forks.start()`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __enter__(self) -> "Forks":
        self._log = (self._house.logs / "forks.log").open("ab")
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "behavry.tests.forks", str(self._house.port)],
            env=dict(self._house.env),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
            text=True,
        )
        return self

    def start(self) -> int:
        assert self._parent.stdin and self._parent.stdout
        self._parent.stdin.write("\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.killpg(self._parent.pid, signal.SIGKILL)
        self._parent.communicate()
        self._log.close()


def main() -> None:
    import uvicorn

    from behavry.asgi import gateway

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # killed children leave no zombies
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            os.dup2(2, 1)
            uvicorn.run(gateway, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
