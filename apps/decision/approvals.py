"""What an approval is bound to: one exact call of one agent, for one requester, under the rules that judged it."""

import json
from hashlib import sha256

from apps.decision.types import Call, Facts


def binding(call: Call, facts: Facts, tool_digest: str) -> str:
    """SHA-256 hex over a list of strings in a fixed order; JSON's quotes keep two neighbours from running together.

    `tool_digest` is that of the tool's definition as the server gave it, "" where it is not known. The rules are named
    by their digest and not by the rulebook's version, which every ended session moves.
    """
    requester = facts.requester
    parts = (
        "approval.v1",
        facts.book.schema,
        facts.caller.agent.id,
        requester.id,
        requester.channel,
        "verified" if requester.verified else "",
        call.server,
        call.method,
        call.tool,
        call.input_hash,
        tool_digest,
        facts.book.rules,
    )
    return sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
