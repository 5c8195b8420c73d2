"""A tenant's source rules: what may be one, that they hold from the next load of the rulebook, and for nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.facts import Human
from apps.decision.inbound.trust import Standing, resolve
from apps.decision.types import Tier
from apps.policies import rulebook
from apps.policies.models import SourceRule
from apps.policies.services import source_rules
from apps.policies.tests.examples import document
from apps.tenants.context import in_tenant

BY = "user:ada"
LIST = "/api/v1/source-rules"
Api = Callable[..., APIClient]
Person = Callable[..., AbstractUser]


def make(pattern: str, tier: str = "block", **changes: Any) -> SourceRule:
    return source_rules.create(**({"kind": "domain", "pattern": pattern, "tier": tier, "actor": BY} | changes))


def kinds() -> list[str]:
    return list(
        AuditEntry.objects.filter(kind__startswith="source_rule").order_by("seq").values_list("kind", flat=True)
    )


def test_a_rule_holds_from_the_next_load_on_and_for_no_other_tenant(acme: str, globex: str) -> None:
    before = rulebook.load(acme, human=Human)
    with in_tenant(acme):
        rule = make("*.Evil.Example.")
    book = rulebook.load(acme, human=Human)
    assert book.version > before.version and book.rules != before.rules
    assert resolve(book.source_rules, "web", ["a.evil.example"]) == Standing(Tier.BLOCK, str(rule.pk))
    shown = book.screen_inbound("See https://a.evil.example/x", "web", b"")
    assert (shown.tier, shown.source_rule) == (Tier.BLOCK, str(rule.pk))
    other = rulebook.load(globex, human=Human)
    assert other.source_rules == () and other.screen_inbound("https://a.evil.example", "web", b"").tier is None
    with in_tenant(globex), pytest.raises(NotFound):
        source_rules.update(rule.pk, actor=BY, changes={"enabled": False})
    with in_tenant(acme):
        source_rules.update(rule.pk, actor=BY, changes={"enabled": False})
    assert rulebook.load(acme, human=Human).source_rules == ()
    with in_tenant(acme):
        source_rules.remove(rule.pk, actor=BY)
        assert kinds() == ["source_rule.created", "source_rule.updated", "source_rule.removed"]


def test_the_policy_denies_what_names_a_blocked_domain(acme: str) -> None:
    with in_tenant(acme):
        make("evil.example")
    judge = rulebook.load(acme, human=Human).authorize
    asked = document(action="read", resource_kind="filesystem")
    asked["request"]["sources"] = [{"domain": "evil.example", "tier": "block", "rule": "x"}]
    ruling = judge(asked)
    assert (ruling.result, ruling.policy) == ("deny", "domain_trust.blocked")
    assert "evil.example" in ruling.reason


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pattern": "co.uk"}, "pattern"),
        ({"pattern": "*.github.io"}, "pattern"),
        ({"pattern": "https://evil.example/"}, "pattern"),
        ({"pattern": "a" * 300 + ".example"}, "pattern"),
        ({"tier": "liked"}, "tier"),
        ({"kind": "person"}, "kind"),
        ({"priority": 0}, "priority"),
        ({"priority": 10_001}, "priority"),
        ({"kind": "server", "pattern": "a b"}, "pattern"),
        ({"kind": "server", "pattern": "*web"}, "pattern"),
        ({"kind": "server", "pattern": "*", "tier": "trusted"}, "tier"),
    ],
)
def test_it_refuses_a_rule_that_cannot_be_used(acme: str, changes: dict[str, Any], field: str) -> None:
    with in_tenant(acme):
        with pytest.raises(BadInput) as caught:
            make(**({"pattern": "evil.example"} | changes))
        assert field in caught.value.fields
        assert not SourceRule.objects.exists()


def test_there_is_one_rule_for_a_pattern_however_it_is_written(acme: str, globex: str) -> None:
    with in_tenant(acme):
        make("münchen.example")
        with pytest.raises(Conflict) as caught:
            make("XN--mnchen-3ya.example.")
        assert caught.value.code == "source_rule_exists"
    with in_tenant(globex):
        make("münchen.example")


def test_a_change_that_changes_nothing_is_none(acme: str) -> None:
    with in_tenant(acme):
        rule = make("evil.example")
        source_rules.update(rule.pk, actor=BY, changes={"tier": "block"})
        with pytest.raises(BadInput):
            source_rules.update(rule.pk, actor=BY, changes={"pattern": "x.example"})
        assert kinds() == ["source_rule.created"]


def test_blocking_on_the_spot_goes_before_whatever_else_is_said(acme: str) -> None:
    with in_tenant(acme):
        make("*.example.com", "trusted", priority=5)
        blocked = source_rules.block(kind="domain", pattern="Docs.Example.com", actor=BY, note="seen")
        assert blocked is not None and (blocked.tier, blocked.priority) == ("block", 1)
        assert source_rules.block(kind="domain", pattern="docs.example.com", actor=BY) is None
        changed = source_rules.block(kind="domain", pattern="*.example.com", actor=BY)
        assert changed is not None and SourceRule.objects.get(pk=changed.pk).tier == "block"
        assert source_rules.in_effect().of_domain("docs.example.com").tier is Tier.BLOCK  # type: ignore[union-attr]  # there is one
        source_rules.block(kind="server", pattern="web", actor=BY)
        assert resolve(source_rules.in_effect(), "web", []).tier is Tier.BLOCK
        with pytest.raises(BadInput):
            source_rules.block(kind="domain", pattern="github.io", actor=BY)


def test_it_is_bounded(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_rules, "MAX_RULES", 1)
    with in_tenant(acme):
        make("a.example")
        with pytest.raises(Conflict) as caught:
            make("b.example")
    assert caught.value.code == "too_many_source_rules"


def test_the_doors_do_all_of_it(acme: str, globex: str, api: Api, person: Person) -> None:
    author, viewer = api(acme, person(acme, "policy_author")), api(acme, person(acme, "viewer"))
    made = author.post(LIST, {"pattern": "*.Evil.example", "tier": "block", "note": "x"}, format="json")
    assert made.status_code == 201, made.content
    rule = made.json()
    assert (rule["pattern"], rule["kind"], rule["priority"], rule["enabled"]) == ("*.evil.example", "domain", 100, True)
    author.post(LIST, {"kind": "server", "pattern": "web", "tier": "trusted"}, format="json")
    assert [one["pattern"] for one in viewer.get(LIST).json()["results"]] == ["web", "*.evil.example"]
    for query, count in (("tier=block", 1), ("kind=server", 1), ("enabled=false", 0), ("q=evil", 1), ("limit=1", 1)):
        assert len(viewer.get(f"{LIST}?{query}").json()["results"]) == count
    assert viewer.get(f"{LIST}?tier=liked").status_code == 400
    assert author.post(LIST, {"pattern": "co.uk", "tier": "block"}, format="json").json()["fields"]["pattern"]
    assert author.post(LIST, {"pattern": "a.example", "tier": "block", "x": 1}, format="json").status_code == 400
    assert author.post(LIST, {"pattern": "*.evil.example", "tier": "trusted"}, format="json").status_code == 409
    assert viewer.patch(f"{LIST}/{rule['id']}", {"tier": "trusted"}, format="json").status_code == 403
    assert author.patch(f"{LIST}/{rule['id']}", {"tier": "untrusted"}, format="json").json()["tier"] == "untrusted"
    assert author.patch(f"{LIST}/{rule['id']}", {"pattern": "x.example"}, format="json").status_code == 400
    stranger = api(globex, person(globex, "admin"))
    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(f"{LIST}/{rule['id']}").status_code == 404
    assert stranger.delete(f"{LIST}/{rule['id']}").status_code == 404
    assert author.delete(f"{LIST}/{rule['id']}").status_code == 204
    assert viewer.get(f"{LIST}/{rule['id']}").status_code == 404


def test_it_says_what_the_rules_come_to(acme: str, api: Api, person: Person) -> None:
    with in_tenant(acme):
        bad, good = make("bad.example"), make("*.good.example", "trusted")
    viewer = api(acme, person(acme, "viewer"))

    def tried(**body: str) -> Any:
        return viewer.post(f"{LIST}/try", body, format="json").json()

    assert tried(address="https://docs.good.example/x") == {
        "tier": "trusted", "rule": str(good.pk),
        "domains": [{"domain": "docs.good.example", "tier": "trusted", "rule": str(good.pk)}],
    }  # fmt: skip
    assert tried(address="https://docs.good.example@bad.example/")["tier"] == "block"
    assert tried(address="https://docs.good.example\\@bad.example/")["rule"] == str(bad.pk)
    assert tried(server="files") == {"tier": None, "rule": None, "domains": []}
    assert tried(address="https://exa mple/")["tier"] is None
    assert viewer.post(f"{LIST}/try", {}, format="json").status_code == 400


def test_the_console_makes_changes_and_blocks(acme: str, admin_of: Callable[[str], Client]) -> None:
    client, pages = admin_of(acme), "/admin/policies/sourcerule/"
    form = {"kind": "domain", "pattern": "Docs.example.com", "tier": "trusted", "priority": "100", "enabled": "on"}
    client.post(f"{pages}add/", form)
    with in_tenant(acme):
        rule = SourceRule.objects.get()
    assert (rule.pattern, rule.tier, rule.created_by[:5]) == ("docs.example.com", "trusted", "user:")
    refused = client.post(f"{pages}add/", form | {"pattern": "co.uk"}).content.decode()
    assert "public suffix" in refused and 'value="co.uk"' in refused
    chosen = {"action": "block", "_selected_action": [str(rule.pk)]}
    asked = client.post(pages, chosen).content.decode()
    assert "replaced from now on" in asked and "docs.example.com" in asked
    with in_tenant(acme):
        assert SourceRule.objects.get().tier == "trusted"
    client.post(pages, chosen | {"confirmed": "yes", "note": "Defaced."})
    client.post(pages, {"action": "switch_off", "_selected_action": [str(rule.pk)]})
    with in_tenant(acme):
        rule.refresh_from_db()
        assert (rule.tier, rule.note, rule.enabled) == ("block", "Defaced.", False)
    assert client.get(f"{pages}?q=docs&tier__exact=block").status_code == 200
    client.post(pages, {"action": "delete_selected", "_selected_action": [str(rule.pk)], "post": "yes"})
    with in_tenant(acme):
        assert not SourceRule.objects.exists()
        assert kinds()[-1] == "source_rule.removed"
