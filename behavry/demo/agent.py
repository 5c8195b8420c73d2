"""A scripted agent: drives the demo servers through the gateway and reports what became of each call.

Every step is a real call of the official MCP client. The strings that look like secrets are made here, at run time.
"""

import base64
import secrets
import string
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS, CallToolResult

from behavry.demo.clients import Denial, Era, connect, denial_in_error, denial_in_result, fetch_token
from behavry.demo.person import Person

DLP_STAGE = "dlp"


class Outcome(StrEnum):
    ALLOWED = "allowed"
    APPROVED = "approved"  # it waited until a person said yes
    DENIED = "denied"  # by policy, or by anything else that is not DLP
    BLOCKED = "dlp-blocked"
    HIDDEN = "hidden"  # absent from the listing, or answered like a tool that does not exist
    FAILED = "failed"  # neither allowed nor refused: something is broken


@dataclass(frozen=True, slots=True)
class Step:
    """One call and its fate. `decision`, `reason` and `event_id` are the gateway's words, empty where it gave none."""

    server: str
    tool: str
    what: str
    outcome: Outcome
    decision: str
    reason: str
    event_id: str
    expected: Outcome

    @property
    def as_expected(self) -> bool:
        return self.outcome is self.expected


@dataclass(frozen=True, slots=True)
class Planned:
    """A call of the script. An empty `tool` lists the tools and looks for `absent`."""

    tool: str
    what: str
    arguments: Mapping[str, Any]
    expected: Outcome
    absent: str = ""


def _call(tool: str, what: str, expected: Outcome, **arguments: Any) -> Planned:
    return Planned(tool, what, arguments, expected)


def cloud_key() -> str:
    """Looks like a cloud access key and opens nothing: the form is public, the letters are random."""
    alphabet = string.ascii_uppercase + "234567"
    return "AK" + "IA" + "".join(secrets.choice(alphabet) for _ in range(16))


def private_key() -> str:
    """Looks like a private key file; its body is random text."""
    frame = "-" * 5
    kind = " ".join(("RSA", "PRIVATE", "KEY"))
    body = base64.encodebytes(secrets.token_bytes(192)).decode().strip()
    return f"{frame}BEGIN {kind}{frame}\n{body}\n{frame}END {kind}{frame}"


def script() -> Mapping[str, Sequence[Planned]]:
    """The steps per server, in the order in which they are taken."""
    allowed, denied, blocked, hidden = Outcome.ALLOWED, Outcome.DENIED, Outcome.BLOCKED, Outcome.HIDDEN
    approved = Outcome.APPROVED
    memory = f"Mira likes tea no. {secrets.randbelow(10**6)}.\n"  # a call that nobody has been asked about yet
    key_in_notes = f"Deploy with {cloud_key()} until Friday."
    return {
        "files": (
            Planned("", "list tools: no delete_file for this agent", {}, hidden, absent="delete_file"),
            _call("list_directory", "list the shared directory", allowed, path="."),
            _call("read_file", "read notes/plan.md", allowed, path="notes/plan.md"),
            _call("write_file", "write notes/summary.md", allowed, path="notes/summary.md", content="All is well.\n"),
            _call("write_file", "write notes/MEMORY.md", approved, path="notes/MEMORY.md", content=memory),
            _call("read_file", "read .env", denied, path=".env"),
            _call("read_file", "climb out of the directory", denied, path="../../etc/hosts"),
            _call("delete_file", "delete notes/plan.md", hidden, path="notes/plan.md"),
            _call("write_file", "write a cloud key into a note", blocked, path="notes/deploy.md", content=key_in_notes),
        ),
        "web": (
            _call("search", "search for opening hours", allowed, query="opening hours"),
            _call("fetch_page", "fetch a page", allowed, url="https://docs.example.org/opening-hours"),
            _call("fetch_page", "fetch the machine's own metadata", denied, url="http://169.254.169.254/latest/"),
            _call("post_message", "post a message", allowed, channel="support", text="We open at nine."),
            _call("post_message", "post a private key", blocked, channel="general", text=private_key()),
        ),
    }


async def run(
    base: str, client_id: str, client_secret: str, person: Person, *, era: Era = Era.AUTO
) -> AsyncIterator[Step]:
    """Take every step against the gateway at `base`; yields each as soon as it is known. `person` is at work."""
    token = await fetch_token(base, client_id, client_secret)
    for server, steps in script().items():
        async with connect(f"{base.rstrip('/')}/mcp/v1/{server}", token, era=era) as client:
            for planned in steps:
                step = await take(client, server, planned)
                asked = person.approved.pop(planned.tool, "") if step.outcome is Outcome.ALLOWED else ""
                yield (
                    replace(step, outcome=Outcome.APPROVED, reason=f"by a person, asked for by {asked}")
                    if asked
                    else step
                )


async def take(client: Client, server: str, planned: Planned) -> Step:
    """Make one planned call and say what became of it."""
    try:
        if not planned.tool:
            return await _looked_for(client, server, planned)
        result = await client.call_tool(planned.tool, dict(planned.arguments))
    except MCPError as error:
        denial = denial_in_error(error)
        if denial is not None:
            return _step(server, planned, _refused(denial), denial)
        unknown = error.error.code == INVALID_PARAMS and planned.tool in error.error.message
        outcome = Outcome.HIDDEN if unknown else Outcome.FAILED
        return _step(server, planned, outcome, Denial("", error.error.message, "", ""))
    return _answered(server, planned, result)


async def _looked_for(client: Client, server: str, planned: Planned) -> Step:
    names = {tool.name for tool in (await client.list_tools()).tools}
    outcome = Outcome.HIDDEN if planned.absent not in names else Outcome.ALLOWED
    return _step(server, planned, outcome, Denial("", f"offered: {', '.join(sorted(names))}", "", ""))


def _answered(server: str, planned: Planned, result: CallToolResult) -> Step:
    if not result.is_error:
        return _step(server, planned, Outcome.ALLOWED, Denial("allow", "", "", ""))
    denial = denial_in_result(result)
    if denial is not None:
        return _step(server, planned, _refused(denial), denial)
    said = " ".join(block.text for block in result.content if block.type == "text")
    unknown = "unknown tool" in said.lower()
    return _step(server, planned, Outcome.HIDDEN if unknown else Outcome.FAILED, Denial("", said, "", ""))


def _refused(denial: Denial) -> Outcome:
    by_dlp = DLP_STAGE in (denial.stage, denial.policy.split(".")[0])
    return Outcome.BLOCKED if by_dlp else Outcome.DENIED


def _step(server: str, planned: Planned, outcome: Outcome, denial: Denial) -> Step:
    return Step(
        server=server,
        tool=planned.tool or "tools/list",
        what=planned.what,
        outcome=outcome,
        decision=denial.decision,
        reason=denial.reason if not denial.policy else f"{denial.reason} ({denial.policy})",
        event_id=denial.event_id,
        expected=planned.expected,
    )


def table(steps: Sequence[Step]) -> list[str]:
    """Aligned lines, a heading first."""
    rows = [("server", "tool", "what", "outcome", "why")]
    rows += [(step.server, step.tool, step.what, step.outcome.value, step.reason) for step in steps]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
