"""`python -m apps.decision.scan inbound`: JSON lines of text in, JSON lines of injection findings out."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import orjson

from apps.decision.scan.injection.kinds import Injection, Report
from apps.decision.scan.injection.scanner import InjectionScanner, build_injection_scanner
from apps.decision.types import JSON

NAME = "inbound"
HELP = "find instructions in what comes back from tools"
DESCRIPTION = (
    'Reads JSON lines {"id": …, "text": …} from FILE or standard input and writes one line each: {"id": …, "findings": '
    '[{"class", "rule", "severity", "start", "end"}], "score": 0..1, "severity": …, "action": "allow|flag|withhold"}. '
    "Offsets count code points; severity is null when nothing was found. A line that cannot be used is reported on "
    "standard error with its number and makes the exit code 2, after all other lines have been answered."
)
_BAD_LINES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="JSON lines; standard input when left out")


def run(arguments: argparse.Namespace, lines: BinaryIO, out: BinaryIO) -> int:
    scan = build_injection_scanner()
    path: Path | None = arguments.file
    if path is None:
        return _answer_all(lines, scan, out)
    try:
        file = path.open("rb")
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        return _BAD_LINES
    with file:
        return _answer_all(file, scan, out)


def _answer_all(lines: Iterable[bytes], scan: InjectionScanner, out: BinaryIO) -> int:
    status = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            identity, text = _read(line)
        except ValueError as error:
            sys.stderr.write(f"line {number}: {error}\n")
            status = _BAD_LINES
            continue
        out.write(orjson.dumps(answer(identity, scan(text)), option=orjson.OPT_APPEND_NEWLINE))
        out.flush()
    return status


def _read(line: bytes) -> tuple[JSON, str]:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from None
    if not isinstance(request, dict) or not isinstance(request.get("text"), str):
        raise ValueError('no string "text"')
    return request.get("id"), request["text"]


def answer(identity: JSON, report: Report) -> JSON:
    return {
        "id": identity,
        "findings": [_finding(finding) for finding in report.findings],
        "score": report.score,
        "severity": report.severity,
        "action": report.action,
    }


def _finding(found: Injection) -> JSON:
    written: dict[str, JSON] = {
        "class": found.kind,
        "rule": found.rule,
        "severity": found.severity,
        "start": found.start,
        "end": found.end,
    }
    if found.via:
        written["via"] = found.via
    if found.words:
        written["words"] = list(found.words)
    if found.quoted:
        written["quoted"] = True
    return written
