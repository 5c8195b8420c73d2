"""What an approval is bound to: one exact call of one agent, for one requester, under the rules that judged it; and
what a withheld result is."""

import json
from hashlib import sha256

from apps.decision.facts import Facts
from apps.decision.types import Call, Server


def binding(call: Call, facts: Facts, tool_digest: str) -> str:
    """SHA-256 hex over a list of strings in a fixed order; JSON's quotes keep two neighbours from running together.

    `tool_digest` is that of the tool's definition as the server gave it, "" where it is not known. The rules are named
    by their digest and not by the rulebook's version, which every ended session moves; of the tenant's servers only the
    one that is called counts, with where it leads and with whose account.
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
        _reached(facts.server),
        call.method,
        call.tool,
        call.input_hash,
        tool_digest,
        facts.book.rules,
    )
    return sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def result_binding(facts: Facts, method: str, tool: str, input_hash: str) -> str:
    """What a withheld result is bound to: who asked, for whom, and exactly what. Neither the session nor the rules are
    part of it, since the call has been carried out and must not be again."""
    requester = facts.requester
    parts = (
        "result.v1",
        facts.book.schema,
        facts.caller.agent.id,
        requester.id,
        requester.channel,
        "verified" if requester.verified else "",
        facts.server.name,
        method,
        tool,
        input_hash,
    )
    return sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def _reached(server: Server) -> str:
    """Ends in a digest only, since environment and headers are secrets."""
    actions, environment, headers = (
        sorted(pairs.items()) for pairs in (server.tool_actions, server.environment, server.headers)
    )
    return json.dumps((server.kind, server.transport, server.url, server.command, actions, environment, headers))
