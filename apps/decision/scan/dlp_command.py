"""`python -m apps.decision.scan dlp`: JSON lines of text in, JSON lines of findings out."""

import argparse
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import orjson

from apps.decision.scan.scanner import build_scanner, strongest
from apps.decision.types import JSON, Scanner

NAME = "dlp"
HELP = "find secrets in text"
DESCRIPTION = (
    'Reads JSON lines {"id": …, "text": …} from standard input and writes one line each: {"id": …, "findings": '
    '[{"pattern", "severity", "start", "end"}], "action": "allow|log|redact|deny"}. Offsets count code points. '
    'A line that cannot be used is answered with {"id": null, "error": …}.'
)


def configure(parser: argparse.ArgumentParser) -> None:
    """This command has no options of its own."""


def run(arguments: argparse.Namespace, lines: BinaryIO, out: BinaryIO) -> int:
    for answer in answers(lines, build_scanner(max_candidates=0)):
        out.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        out.flush()
    return 0


def answers(lines: Iterable[bytes], scan: Scanner) -> Iterator[JSON]:
    for line in lines:
        if line.strip():
            yield _answer(line, scan)


def _answer(line: bytes, scan: Scanner) -> JSON:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {"id": None, "error": f"not JSON: {error.msg}"}
    if not isinstance(request, dict) or not isinstance(request.get("text"), str):
        return {"id": request.get("id") if isinstance(request, dict) else None, "error": 'no string "text"'}
    findings = scan(request["text"])
    return {
        "id": request.get("id"),
        "findings": [
            {"pattern": found.rule, "severity": found.severity, "start": found.start, "end": found.end}
            for found in findings
        ],
        "action": strongest(findings),
    }
