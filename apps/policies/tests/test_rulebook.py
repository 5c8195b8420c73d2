"""A rulebook is never labelled with a version that is not its rows'."""

import threading
from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.agents import services as agents
from apps.agents.models import Agent
from apps.audit import services as audit
from apps.decision.facts import Human
from apps.decision.types import DlpAction, PayloadMode, Severity
from apps.policies import rulebook, services
from apps.tenants.context import in_tenant

BY = "user:ada"


def a_token() -> dict[str, str]:
    return {"note": "gh" + "p_" + "A7bC9dE1fG3hI5jK7lM9nO1pQ3rS5tU7vW9x"}


def test_it_holds_what_a_decision_depends_on(acme: str) -> None:
    with in_tenant(acme):
        made = agents.register(name="Reporter", permissions=["filesystem:read"], actor=BY)
        agents.register_server(name="files", kind="filesystem", transport="http", url="http://127.0.0.1:1/", actor=BY)
        services.configure(actor=BY, changes={"payload_mode": "redacted", "max_rpm_per_agent": 7})
        head = audit.head(acme)
    book = rulebook.load(acme, human=Human)
    assert book.schema == acme
    assert book.version == head.rulebook_version == head.seq
    assert book.agents[str(made.agent.pk)].permissions == ("filesystem:read",)
    assert book.servers["files"].kind == "filesystem"
    assert (book.payload_mode, book.rate_limit.per_minute) == (PayloadMode.REDACTED, 7)
    assert book.authorize_async is None


def test_it_holds_nothing_of_another_tenant(acme: str, globex: str) -> None:
    with in_tenant(acme):
        agents.register(name="Reporter", permissions=["*:*"], actor=BY)
        services.set_builtin("email", actor=BY, changes={"enabled": True, "action": "deny"})
        services.configure(actor=BY, changes={"max_rpm_per_agent": 7})
    book = rulebook.load(globex, human=Human)
    assert book.agents == {}
    assert book.rate_limit.per_minute != 7
    assert book.scan_dlp({"to": "ada@" + "behavry-mail.com"}) == ()


def test_it_brings_dlp_settings_to_the_next_load(acme: str) -> None:
    found = rulebook.load(acme, human=Human).scan_dlp(a_token())
    assert [(one.rule, one.severity, one.action) for one in found] == [
        ("github_token", Severity.CRITICAL, DlpAction.DENY)
    ]
    with in_tenant(acme):
        services.set_builtin("github_token", actor=BY, changes={"action": "redact"})
    assert rulebook.load(acme, human=Human).scan_dlp(a_token())[0].action is DlpAction.REDACT


def test_it_brings_custom_patterns_to_the_next_load(acme: str) -> None:
    with in_tenant(acme):
        made = services.create_pattern(
            actor=BY, name="badge", regex=r"\bBADGE-[0-9]{6}\b", severity="high", action="deny",
            examples_hit=["BADGE-123456"], examples_miss=["BADGE-1"],
        )  # fmt: skip
    assert [one.rule for one in rulebook.load(acme, human=Human).scan_dlp({"a": ["my BADGE-654321"]})] == ["badge"]
    with in_tenant(acme):
        services.update_pattern(made.pk, actor=BY, changes={"enabled": False})
    assert rulebook.load(acme, human=Human).scan_dlp({"a": ["my BADGE-654321"]}) == ()


def test_it_never_labels_rows_with_a_version_that_is_not_theirs(fresh_tenant: Callable[[], str]) -> None:
    """A writer changes one setting over and over; what a reader loads meanwhile is exactly what its version says."""
    schema = fresh_tenant()
    truth: dict[int, DlpAction] = {rulebook.load(schema, human=Human).version: DlpAction.DENY}
    done = threading.Event()
    problems: list[BaseException] = []

    def write() -> None:
        try:
            with in_tenant(schema):
                for number in range(60):
                    action = DlpAction.REDACT if number % 2 == 0 else DlpAction.DENY
                    services.set_builtin("github_token", actor=BY, changes={"action": action.value})
                    truth[audit.head(schema).rulebook_version] = action
        except BaseException as error:
            problems.append(error)
        finally:
            connection.close()
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[tuple[int, DlpAction]] = []
    while not done.is_set() or not seen:
        book = rulebook.load(schema, human=Human)
        seen.append((book.version, book.scan_dlp(a_token())[0].action))
    writer.join()
    assert problems == []
    assert all(truth[version] is action for version, action in seen)
    assert len({version for version, _ in seen}) > 1


def test_it_reads_a_large_tenant_in_few_queries(acme: str) -> None:
    rulebook.load(acme, human=Human)
    with in_tenant(acme):
        with CaptureQueriesContext(connection) as few:
            rulebook.load(acme, human=Human)
        Agent.objects.bulk_create(
            Agent(name=f"Agent {number}", client_id=f"client-{number}", permissions=["*:read"])
            for number in range(1000)
        )
        with CaptureQueriesContext(connection) as many:
            book = rulebook.load(acme, human=Human)
    assert len(book.agents) == 1000
    assert len(many) <= len(few) + 1
