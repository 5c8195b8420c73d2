"""Runs one child and takes it down with everything it started, also when the gateway is killed with SIGKILL.

A script of the standard library alone: `python -I -S warden.py LIFELINE_FD MEMORY_BYTES -- COMMAND…`. The gateway
holds the other end of the lifeline pipe; when that end closes, for whatever reason, the whole family dies.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 2.0
CANNOT_START = 127


def prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):  # not Linux: the lifeline still works
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def start(command: list[str], memory: int, lifeline: int) -> int:
    warden = os.getpid()
    child = os.fork()
    if child:
        return child
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != warden:
        os._exit(CANNOT_START)
    os.close(lifeline)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    with suppress(ValueError, OSError):
        # Data, not address space: runtimes reserve far more addresses than they ever touch.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execvpe(command[0], command, os.environ)  # noqa: S606 - no shell is the point
    except OSError:
        os._exit(CANNOT_START)


def descendants() -> list[int]:
    """Everything that has this process as its parent or ancestor."""
    parents: dict[int, int] = {}
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError, ValueError, IndexError), open(f"{entry.path}/stat", "rb") as file:  # noqa: PTH123
                    parents[int(entry.name)] = int(file.read().rpartition(b")")[2].split()[1])
    found = {os.getpid()}
    grew = True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grew = bool(more)
        found |= more
    return list(found - {os.getpid()})


def kill_all(group: int, number: int) -> None:
    with suppress(OSError):
        os.killpg(group, number)
    for pid in descendants():
        with suppress(OSError):
            os.kill(pid, number)


def reap() -> dict[int, int]:
    gone = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            gone[pid] = os.waitstatus_to_exitcode(status)
    return gone


def end(group: int) -> None:
    """Ask, wait a little, insist; afterwards nothing of the family is left."""
    kill_all(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and (reap() or descendants()):
        time.sleep(0.02)
    for _ in range(50):
        if not descendants():
            return
        kill_all(group, signal.SIGKILL)
        reap()
        time.sleep(0.02)


def main() -> None:
    lifeline, memory, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4:]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_inheritable(wake, False)
    signal.set_wakeup_fd(wake)
    asked_to_end = False

    def on_signal(number: int, _frame: object) -> None:
        nonlocal asked_to_end
        asked_to_end = asked_to_end or number in (signal.SIGTERM, signal.SIGINT)

    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    child = start(command, memory, lifeline)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # the child alone holds the pipes, so its end is seen at once
        os.dup2(null, standard)
    code = None
    while code is None and not asked_to_end:
        ready, _, _ = select.select([lifeline, woken], [], [])
        if lifeline in ready:
            break
        os.read(woken, 4096)
        code = reap().get(child)
    end(child)
    os._exit(code if code is not None and code >= 0 else 1)


if __name__ == "__main__":
    main()
