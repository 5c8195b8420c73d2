"""What somebody sees who starts a command of this project without the variables that it needs."""

import os
import subprocess
import sys

import pytest

from behavry.embedded import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", [("manage.py", "audit_verify", "--all"), ("-m", "bench")])
def test_it_says_in_a_line_what_is_missing_and_how_to_have_it(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "`make manage ARGS=" in done.stderr
    assert "`make bench`" in done.stderr


def test_it_explains_the_bench_to_anybody() -> None:
    done = run("-m", "bench", "--help")
    assert (done.returncode, done.stderr, "--only" in done.stdout) == (0, "", True)
