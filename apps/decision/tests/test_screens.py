"""Each screen: what it stops and what it lets pass."""

from pathlib import Path

import pytest

from apps.decision import pipeline, screens
from apps.decision.facts import Human, Stop
from apps.decision.screens import dlp, identity, killswitch, server
from apps.decision.tests.builders import make_agent, make_call, make_facts, make_finding, make_rulebook, make_server
from apps.decision.types import DlpAction, Effect, Severity


def test_it_lists_every_screen_there_is() -> None:
    files = {path.stem for path in Path(screens.__file__).parent.glob("*.py") if path.stem != "__init__"}
    assert files == {one.__module__.rpartition(".")[2] for one in pipeline.SCREENS}


def test_it_stops_everything_while_the_switch_is_thrown() -> None:
    assert killswitch.screen(make_call(), make_facts(), ()) is None
    decision = killswitch.screen(
        make_call(), make_facts(book=make_rulebook(human=Human(stops=(Stop("tenant", "incident"),)))), ()
    )
    assert decision is not None and decision.effect is Effect.DENY


def test_it_lets_an_active_agent_through() -> None:
    assert identity.screen(make_call(), make_facts(), ()) is None


@pytest.mark.parametrize("status", ["suspended", "revoked", "deprovisioned", ""])
def test_it_stops_an_agent_by_what_the_rulebook_says_now(status: str) -> None:
    facts = make_facts(book=make_rulebook(agents={"agent-1": make_agent(status=status)}))
    assert facts.caller.agent.status == "active"  # what the token remembers
    decision = identity.screen(make_call(), facts, ())
    assert decision is not None
    assert (decision.effect, decision.stage, decision.policy) == (Effect.DENY, "identity", f"identity.{status}")


def test_it_stops_an_agent_that_the_rulebook_does_not_know() -> None:
    decision = identity.screen(make_call(), make_facts(book=make_rulebook(agents={})), ())
    assert decision is not None and decision.policy == "identity.unknown_agent"


def test_it_stops_a_revoked_session() -> None:
    facts = make_facts(book=make_rulebook(revoked_sessions=frozenset({"session-1"})))
    decision = identity.screen(make_call(), facts, ())
    assert decision is not None and decision.policy == "identity.session_revoked"


def test_it_stops_calls_to_servers_that_are_unknown_or_disabled() -> None:
    assert server.screen(make_call(), make_facts(), ()) is None
    unknown = server.screen(make_call(server="elsewhere"), make_facts(), ())
    assert unknown is not None and unknown.policy == "server.unknown"
    book = make_rulebook(servers={"files": make_server(enabled=False)})
    disabled = server.screen(make_call(), make_facts(book=book), ())
    assert disabled is not None and disabled.policy == "server.disabled"


@pytest.mark.parametrize("action", [DlpAction.ALLOW, DlpAction.LOG, DlpAction.REDACT])
def test_it_leaves_findings_alone_that_do_not_deny(action: DlpAction) -> None:
    assert dlp.screen(make_call(), make_facts(), (make_finding(action=action),)) is None


def test_it_denies_by_the_finding_that_denies_and_keeps_the_others() -> None:
    harmless = make_finding(rule="email", severity=Severity.LOW, action=DlpAction.LOG)
    secret = make_finding(rule="private_key", severity=Severity.CRITICAL, path="$.arguments.items[2]")
    decision = dlp.screen(make_call(), make_facts(), (harmless, secret))
    assert decision is not None
    assert (decision.effect, decision.stage, decision.policy) == (Effect.DENY, "dlp", "dlp.private_key")
    assert decision.reason == "private_key (critical) found at $.arguments.items[2]"
    assert decision.findings == (harmless, secret)


@pytest.mark.parametrize("path", ["$.name", "$.uri"])
def test_it_denies_where_a_name_would_have_to_be_redacted(path: str) -> None:
    found = make_finding(action=DlpAction.REDACT, path=path)
    decision = dlp.screen(make_call(), make_facts(), (found,))
    assert decision is not None and decision.effect is Effect.DENY


def test_it_redacts_an_argument_that_is_called_name() -> None:
    assert (
        dlp.screen(make_call(), make_facts(), (make_finding(action=DlpAction.REDACT, path="$.arguments.name"),)) is None
    )
