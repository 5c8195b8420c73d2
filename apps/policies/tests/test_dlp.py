"""A tenant's DLP settings and own patterns hold from the next load of the rulebook."""

from typing import Any

import pytest

from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.types import Severity
from apps.policies import services
from apps.policies.models import DlpPattern, DlpSetting
from apps.tenants.context import in_tenant

BY = "user:ada"
CRITICAL = [one.name for one in BUILTIN_PATTERNS if one.severity is Severity.CRITICAL]


def badge(**changes: Any) -> DlpPattern:
    fields = {
        "name": "badge", "regex": r"\bBADGE-[0-9]{6}\b", "severity": "high", "action": "deny",
        "examples_hit": ["BADGE-123456"], "examples_miss": ["BADGE-1"],
    }  # fmt: skip
    return services.create_pattern(actor=BY, **(fields | changes))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"regex": "("}, "regex"),
        ({"regex": ".*"}, "regex"),
        ({"regex": "(a{1000}){1000}"}, "regex"),
        ({"regex": "(?=x)y"}, "regex"),
        ({"name": "Bad Name"}, "name"),
        ({"name": "github_token"}, "name"),
        ({"severity": "awful"}, "severity"),
        ({"action": "explode"}, "action"),
        ({"severity": "critical", "action": "log"}, "action"),
        ({"examples_hit": ["nothing"]}, "examples_hit"),
        ({"examples_miss": ["BADGE-123456"]}, "examples_miss"),
    ],
)
def test_it_refuses_a_pattern_that_cannot_be_used(acme: str, changes: dict[str, Any], field: str) -> None:
    with in_tenant(acme):
        with pytest.raises(BadInput) as caught:
            badge(**changes)
        assert field in caught.value.fields
        assert not DlpPattern.objects.exists()


def test_it_refuses_a_second_pattern_of_the_same_name(acme: str, globex: str) -> None:
    with in_tenant(acme):
        badge()
        with pytest.raises(Conflict):
            badge()
    with in_tenant(globex):
        badge()


def test_it_checks_what_a_change_makes_of_a_pattern(acme: str) -> None:
    with in_tenant(acme):
        made = badge()
        with pytest.raises(BadInput):
            services.update_pattern(made.pk, actor=BY, changes={"regex": r"\bBADGE-[0-9]{7}\b"})
        with pytest.raises(BadInput):
            services.update_pattern(made.pk, actor=BY, changes={"name": "other"})
        made.refresh_from_db()
        assert made.regex == r"\bBADGE-[0-9]{6}\b"


def test_it_removes_a_pattern_of_its_own_tenant_only(acme: str, globex: str) -> None:
    with in_tenant(acme):
        made = badge()
    with in_tenant(globex), pytest.raises(NotFound):
        services.remove_pattern(made.pk, actor=BY)
    with in_tenant(acme):
        services.remove_pattern(made.pk, actor=BY)
        assert not DlpPattern.objects.exists()


def test_it_returns_to_what_a_builtin_pattern_says_itself(acme: str) -> None:
    with in_tenant(acme):
        services.set_builtin("credit_card", actor=BY, changes={"action": "log", "enabled": True})
        setting = services.set_builtin("credit_card", actor=BY, changes={"action": None})
        assert (setting.action, setting.enabled) == ("", True)
        assert DlpSetting.objects.count() == 1


@pytest.mark.parametrize("name", CRITICAL)
def test_it_lets_no_critical_secret_out(acme: str, name: str) -> None:
    with in_tenant(acme):
        for changes in ({"action": "allow"}, {"action": "log"}, {"enabled": False}):
            with pytest.raises(BadInput):
                services.set_builtin(name, actor=BY, changes=changes)
        services.set_builtin(name, actor=BY, changes={"action": "redact"})


def test_it_knows_no_other_builtin_pattern(acme: str) -> None:
    with in_tenant(acme), pytest.raises(NotFound):
        services.set_builtin("no_such_pattern", actor=BY, changes={"enabled": True})
