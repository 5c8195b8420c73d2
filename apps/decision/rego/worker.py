"""The compiler's child process: one JSON job per line in, one JSON answer per line out, until input ends.

Run by path and isolated, so it imports nothing of this project. It may use neither network nor environment, and what it
may take of time, files and disk is limited before the first job is read. Its parent watches its memory: the compiler's
allocator reserves far more address space than it uses, so a limit on address space would stop it at once.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from typing import Any

import regopy

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def confine(file_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # Should memory run out before the parent sees it, this is the process to lose.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("1000")
    # An empty network namespace where the kernel lets us have one; the compiler has no use for a network anyway.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def allow_cpu(seconds: int) -> None:
    """CPU limits count from the start of the process, so every job moves the limit ahead of what was used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds + 1, hard))


def compile_job(job: dict[str, Any]) -> dict[str, Any]:
    interpreter = regopy.Interpreter()
    try:
        # Module names become file names inside the bundle, so ours are used and not the caller's.
        for number, source in enumerate(job["modules"]):
            interpreter.add_module(f"m{number}", source)
        bundle = interpreter.build(job["query"], job["entrypoints"])
        if not bundle.ok():
            return {"error": "the modules do not build"}
        interpreter.save_bundle("bundle", bundle)
    except (regopy.RegoError, UnicodeError, ValueError) as error:
        return {"error": str(error) or type(error).__name__}
    with open("bundle/plan.json", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 (keep imports few)
        return {"plan": file.read()}


def clean() -> None:
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("bundle"):  # noqa: PTH208
            os.unlink(f"bundle/{name}")  # noqa: PTH108


def main() -> None:
    file_bytes, cpu_seconds = map(int, sys.argv[1:3])
    # rego-cpp writes its complaints to standard output, which is the channel of the answers: keep a private copy.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    confine(file_bytes)
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        allow_cpu(cpu_seconds)
        try:
            answer = compile_job(json.loads(line))
        except MemoryError:
            answer = {"error": "the compiler ran out of memory"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        clean()


if __name__ == "__main__":
    main()
