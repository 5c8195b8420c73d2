"""Rego modules → plan. The compiler is native code that can crash or hang, so it runs in a child with limits.

A crash, a timeout or a plan that is too large refuses the policy like any other mistake in it.
"""

import contextlib
import json
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from apps.decision.rego.check import check_plan
from apps.decision.rego.codegen import generate
from apps.decision.rego.errors import Problem, RegoError
from apps.decision.rego.plan import Plan, plan_name
from apps.decision.rego.syntax import old_bodies
from apps.decision.types import JSON

_WORKER = Path(__file__).with_name("worker.py")
_ERROR = re.compile(r"\(error (?:\d+:)?m(\d+)\|(\d+)\|(\d+)\s*\(errormsg \d+:(.*?)\)\s*\(errorast", re.DOTALL)
_CODE = re.compile(r"\(rego-errorcode (?:\d+:)?([a-z_]+)")
_MESSAGE = re.compile(r"\(errormsg \d+:(.*?)\)\s*\(errorast", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one compilation may take. `wall_seconds` counts from the job's start in a child that is already up."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 8
    memory_bytes: int = 1 << 30
    source_bytes: int = 1 << 20
    plan_bytes: int = 32 << 20
    modules: int = 1000


# How often a busy child's memory is looked at.
_WATCH_SECONDS = 0.02


class _FailedError(Exception):
    """The child is gone or must go; the message says why."""


class Compiler:
    """A child process that compiles one job after the other; a new one is started when it dies.

    Safe to share between threads, which then take turns. Close it, or use it as a context manager.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._stop()

    def compile(
        self, modules: Mapping[str, str], entrypoints: Sequence[str] = (), *, query: str | None = None
    ) -> bytes:
        """The plan of the entry points (`a/b` or `data.a.b`) and of the query, if there is one."""
        names = list(modules)
        sources = list(modules.values())
        self._check_size(names, sources)
        job = {"modules": sources, "entrypoints": [plan_name(name) for name in entrypoints], "query": query}
        with self._lock:
            try:
                answer = self._ask(job)
            except _FailedError as failure:
                self._stop()
                raise RegoError([Problem("", 0, 0, "compiler_failed", str(failure))]) from None
        if old := [problem for name, source in modules.items() for problem in old_bodies(name, source)]:
            raise RegoError(old)
        if "error" in answer:
            raise RegoError(_problems(answer["error"], names, sources))
        text: bytes = answer["plan"].encode("utf-8", "surrogateescape")
        try:
            plan = Plan.parse(text)
        except (ValueError, RecursionError):
            raise RegoError(
                [Problem("", 0, 0, "too_large", "a number is out of range, or the plan nested too deeply")]
            ) from None
        try:
            if problems := check_plan(plan, names, sources):
                raise RegoError(problems)
            generate(plan)  # what cannot be written as Python is refused now and not when it is loaded
        except RecursionError:
            raise RegoError([Problem("", 0, 0, "too_large", "the policy is nested too deeply")]) from None
        return text

    def _check_size(self, names: Sequence[str], sources: Sequence[str]) -> None:
        if len(names) > self._limits.modules:
            raise RegoError([Problem("", 0, 0, "too_large", f"more than {self._limits.modules} modules")])
        for name, source in zip(names, sources, strict=True):
            if not isinstance(source, str) or "\0" in source:
                raise RegoError([Problem(name, 0, 0, "rego_parse_error", "the source must be text without NUL")])
        if sum(len(source) for source in sources) > self._limits.source_bytes:
            raise RegoError([Problem("", 0, 0, "too_large", f"more than {self._limits.source_bytes} bytes of source")])

    def _ask(self, job: JSON) -> JSON:
        child = self._start()
        assert child.stdin is not None
        deadline = time.monotonic() + self._limits.wall_seconds
        try:
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
        except OSError:
            raise _FailedError("the compiler stopped") from None
        return json.loads(self._read_line(child, deadline))

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._stop()
        limits = self._limits
        self._directory = tempfile.TemporaryDirectory(prefix="rego-")
        numbers = [str(limits.plan_bytes), str(limits.cpu_seconds)]
        # -I: no environment, no user packages, nothing from the working directory.
        child = subprocess.Popen(  # noqa: S603 (our own interpreter and our own file)
            [sys.executable, "-I", str(_WORKER), *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._directory.name,
            env={},
        )
        self._child = child
        self._read_line(child, time.monotonic() + limits.wall_seconds + 20)
        return child

    def _read_line(self, child: subprocess.Popen[bytes], deadline: float) -> bytes:
        assert child.stdout is not None
        descriptor = child.stdout.fileno()
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        chunks: list[bytes] = []
        size = 0
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise _FailedError(f"compiling took longer than {self._limits.wall_seconds:g} s")
            if not poller.poll(min(remaining, _WATCH_SECONDS) * 1000):
                if _resident_bytes(child.pid) > self._limits.memory_bytes:
                    raise _FailedError("the compiler needed too much memory")
                continue
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                raise _FailedError("the compiler crashed on these modules")
            chunks.append(chunk)
            size += len(chunk)
            if size > 2 * self._limits.plan_bytes:
                raise _FailedError(f"the plan is larger than {self._limits.plan_bytes} bytes")
            if chunk.endswith(b"\n"):
                return b"".join(chunks)

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            assert child.stdin is not None
            assert child.stdout is not None
            # What was still buffered has nobody to read it.
            with contextlib.suppress(OSError):
                child.stdin.close()
            child.stdout.close()
            child.wait()
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.cleanup()


def _resident_bytes(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0  # no such process any more, or no /proc on this system
    return int(pages) * resource.getpagesize()


def compile_modules(
    modules: Mapping[str, str], entrypoints: Sequence[str], *, limits: Limits | None = None, query: str | None = None
) -> bytes:
    """One compilation in a child of its own. Raises `RegoError`; may be called from many threads at once."""
    with Compiler(limits) as compiler:
        return compiler.compile(modules, entrypoints, query=query)


def _problems(text: str, names: Sequence[str], sources: Sequence[str]) -> list[Problem]:
    code = _CODE.search(text)
    kind = code.group(1) if code else "rego_parse_error"
    problems = []
    for match in _ERROR.finditer(text):
        index, offset = int(match.group(1)), int(match.group(2))
        # Offsets count bytes.
        before = sources[index].encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        problems.append(Problem(names[index], line, column, kind, match.group(4).strip()))
    if not problems:
        found = [match.strip() for match in _MESSAGE.findall(text)] or [text[:300]]
        problems = [Problem("", 0, 0, kind, message) for message in found]
    return problems
