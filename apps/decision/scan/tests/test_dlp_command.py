"""The command answers every line, whatever it holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

from apps.decision.scan.patterns import made

ROOT = Path(__file__).parents[4]
KEY = "AKIA" + made.chars(made.BASE32, 16, "command")


def run(*arguments: str, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "apps.decision.scan", *arguments]
    environment = {"PATH": os.environ["PATH"]}  # no settings: neither Django nor a database is needed
    return subprocess.run(command, input=lines, capture_output=True, cwd=ROOT, env=environment, timeout=60, check=False)


def test_it_answers_line_by_line() -> None:
    token = "AccountKey=" + made.chars(made.BASE64, 86) + "=="
    requests = [{"id": 1, "text": f"é {KEY}"}, {"id": "b", "text": "clean"}, {"id": None, "text": token}]
    lines = "\n".join(json.dumps(request) for request in requests).encode()
    done = run("dlp", lines=lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0] == {
        "id": 1,
        "findings": [{"pattern": "aws_access_key", "severity": "critical", "start": 2, "end": 22}],
        "action": "deny",
    }
    assert answers[1] == {"id": "b", "findings": [], "action": "allow"}
    assert [finding["pattern"] for finding in answers[2]["findings"]] == ["azure_storage_key"]
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_goes_on_after_a_bad_line() -> None:
    bad = [b"{", b"[]", b'{"id": 2}', b'{"id": 3, "text": 4}', b"\xff\xfe", b'"' + KEY.encode() + b'"', b"", b" "]
    done = run("dlp", lines=b"\n".join((*bad, b'{"id": 9, "text": "x"}')))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [None, None, 2, 3, None, None, 9]
    assert all("error" in answer for answer in answers[:-1])
    assert KEY.encode() not in done.stdout


def test_it_explains_itself() -> None:
    assert b"dlp" in run("--help").stdout
    assert b"JSON lines" in run("dlp", "--help").stdout
    assert run("unheard-of").returncode == 2
