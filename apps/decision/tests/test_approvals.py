"""What an approval is bound to: whatever differs, the digest differs."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apps.decision.approvals import binding, result_binding
from apps.decision.facts import Facts, Rulebook
from apps.decision.tests.builders import pass_through
from apps.decision.types import Action, Agent, Call, Caller, Effect, PayloadMode, Requester, Ruling, Server

Bound = tuple[str, ...]
NAMES = 11


def digest(bound: Bound) -> str:
    """The binding of a call that has these words in the places that count."""
    schema, agent_id, requester, channel, verified, server, method, tool, input_hash, tool_digest, rules = bound
    agent = Agent(agent_id, "reader", "active", (), (), "low")
    book = Rulebook(
        schema, 7, "", (), {}, {}, {}, frozenset(), lambda _: Ruling(Effect.DENY, "", ""), lambda _: (),
        pass_through, PayloadMode.METADATA_ONLY, rules=rules,
    )  # fmt: skip
    facts = Facts(
        book, Caller(agent, "s"), Server(server, "generic", "http", True), Requester(requester, channel, bool(verified))
    )
    call = Call(server, method, tool, Action.READ, "", "generic", 1, {}, input_hash)
    return binding(call, facts, tool_digest)


words = st.text(st.characters(codec=None), max_size=6)  # half characters and NUL included
bound = st.tuples(*[words] * 4, st.sampled_from(["", "verified"]), *[words] * (NAMES - 5))


@given(bound, bound)
def test_it_differs_whenever_anything_differs(one: Bound, other: Bound) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(bound, st.integers(0, NAMES - 2))
def test_it_keeps_neighbours_apart(words: Bound, place: int) -> None:
    """What stands at the end of one word does not count as the beginning of the next."""
    moved = list(words)
    moved[place], moved[place + 1] = words[place] + words[place + 1], ""
    if place not in {3, 4}:  # `verified` is no free word
        assert (digest(tuple(moved)) == digest(words)) == (tuple(moved) == words)


@given(bound)
def test_it_is_a_digest_that_stays_the_same(words: Bound) -> None:
    assert digest(words) == digest(words)
    assert len(digest(words)) == 64
    assert int(digest(words), 16) >= 0


def test_it_does_not_depend_on_what_may_change_in_between() -> None:
    """A new session, a newer version of the same rules, and what judging found out are judged again, not bound."""
    agent = Agent("a", "reader", "active", ("x",), (), "low")
    book: dict[str, Any] = {
        "schema": "t_a", "version": 7, "issuer": "", "audiences": (), "keys": {}, "agents": {}, "servers": {},
        "revoked_sessions": frozenset(), "authorize": lambda _: Ruling(Effect.DENY, "", ""), "scan_dlp": lambda _: (),
        "screen_inbound": pass_through, "payload_mode": PayloadMode.METADATA_ONLY, "rules": "r",
    }  # fmt: skip
    server = Server("files", "filesystem", "http", True)
    facts = Facts(Rulebook(**book), Caller(agent, "s"), server, Requester("mira"))
    call = Call("files", "tools/call", "read", Action.READ, "/a", "filesystem", 1, {"path": "/a"}, "h")
    same = replace(
        facts,
        book=Rulebook(**{**book, "version": 8, "revoked_sessions": frozenset({"s"})}),
        caller=Caller(replace(agent, roles=(), risk_tier="high"), "s2"),
        calls_in_window=9,
    )
    assert binding(call, facts, "d") == binding(call, same, "d")


def test_it_is_bound_to_where_the_called_server_leads_and_with_whose_account() -> None:
    """Another server of the tenant may change as it likes: it is not in the facts at all."""
    agent = Agent("a", "reader", "active", (), (), "low")
    server = Server("files", "filesystem", "http", True, url="http://127.0.0.1:1/mcp", headers={"Authorization": "one"})
    book = Rulebook(
        "t_acme", 7, "", (), {}, {}, {}, frozenset(), lambda _: Ruling(Effect.DENY, "", ""), lambda _: (),
        pass_through, PayloadMode.METADATA_ONLY, rules="r",
    )  # fmt: skip
    call = Call("files", "tools/call", "read", Action.READ, "", "filesystem", 1, {}, "0" * 64)

    def bound_to(**changes: Any) -> str:
        return binding(call, Facts(book, Caller(agent, "s"), replace(server, **changes), Requester()), "d")

    changes: list[dict[str, Any]] = [
        {}, {"kind": "web"}, {"url": "http://127.0.0.1:2/mcp"}, {"transport": "stdio"}, {"command": ("run",)},
        {"headers": {"Authorization": "two"}}, {"environment": {"KEY": "one"}}, {"tool_actions": {"read": "delete"}},
    ]  # fmt: skip
    assert len({bound_to(**change) for change in changes}) == len(changes)


def result_digest(bound: Bound, session: str = "s") -> str:
    """The binding of the result of a call that has these words; those of the rules and of the tool do not count."""
    schema, agent_id, requester, channel, verified, server, method, tool, input_hash, _, rules = bound
    agent = Agent(agent_id, "reader", "active", (), (), "low")
    book = Rulebook(
        schema, 7, "", (), {}, {}, {}, frozenset(), lambda _: Ruling(Effect.DENY, "", ""), lambda _: (),
        pass_through, PayloadMode.METADATA_ONLY, rules=rules,
    )  # fmt: skip
    facts = Facts(
        book,
        Caller(agent, session),
        Server(server, "generic", "http", True),
        Requester(requester, channel, bool(verified)),
    )
    return result_binding(facts, method, tool, input_hash)


@given(bound, bound, words, words)
def test_a_result_is_bound_to_the_call_and_neither_to_rules_nor_session(
    one: Bound, other: Bound, rules: str, session: str
) -> None:
    assert (result_digest(one) == result_digest(other)) == (one[:9] == other[:9])
    assert result_digest((*one[:10], rules), session) == result_digest(one)
    assert result_digest(one) != digest(one)
