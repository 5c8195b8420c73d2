"""Withheld results over REST and in the admin: what a person sees, and the answers that fit."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from apps.decision.types import Severity
from apps.exceptions.tests.asking import hold, row_of
from apps.exceptions.tests.test_admin import BASE as ADMIN
from apps.exceptions.tests.test_admin import press, signed_in
from apps.exceptions.tests.withholding import ORDER, TEXT, keep, kept, make_screened, say
from apps.policies.models import SourceRule
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., User]
Admin = Callable[[str], Client]
BASE = "/api/v1/escalations"


def test_rest_shows_the_result_as_long_as_it_is_kept(acme: str, api: Api, person: Person) -> None:
    held = keep(acme)
    client = api(acme, person(acme, "viewer"))
    found = client.get(f"{BASE}/{held.id}").json()
    assert (found["subject"], found["inbound"]["severity"], found["findings"][0]["class"]) == (
        "inbound",
        "critical",
        "imperative_command",
    )
    assert found["result"]["passages"][0]["original"][1] == ["injection", "imperative_command", ORDER]
    assert found["result"]["original"]["content"][0]["text"] == TEXT
    (listed,) = client.get(f"{BASE}?subject=inbound").json()["results"]
    assert "result" not in listed
    assert ORDER not in repr(listed)
    assert client.get(f"{BASE}/{hold(acme).id}").json()["result"] is None
    say(acme, held, "block")
    assert client.get(f"{BASE}/{held.id}").json()["result"] is None


def test_rest_takes_the_answers_that_fit_a_result(acme: str, api: Api, person: Person) -> None:
    held, other = keep(acme), keep(acme)
    client = api(acme, person(acme, "analyst"))

    def answer(**said: object) -> tuple[int, dict[str, object]]:
        given = client.post(f"{BASE}/{held.id}/resolve", said, format="json")
        return given.status_code, given.json()

    assert answer(resolution="approve")[0] == 400
    assert answer(resolution="allow_original")[0] == 400  # without a note
    assert answer(resolution="block_source")[0] == 400
    assert answer(resolution="block_source", source="minutes.example")[0] == 400
    assert answer(resolution="block_source", source={"kind": "domain", "pattern": "a.example"})[0] == 400
    source = {"kind": "domain", "pattern": "minutes.example"}
    assert answer(resolution="block_source", source={**source, "tier": "trusted"})[0] == 400
    assert answer(resolution="block", source=source)[0] == 400
    assert row_of(acme, held).status == "pending"
    status, row = answer(resolution="block_source", source=source)
    assert (status, row["status"], row["resolution"]) == (200, "denied", "block_source")
    with in_tenant(acme):
        assert SourceRule.objects.get().pattern == "minutes.example"
    allowed = client.post(f"{BASE}/{other.id}/resolve", {"resolution": "allow_sanitized"}, format="json")
    assert allowed.json()["status"] == "approved"


def test_rest_lets_a_second_tenant_see_and_answer_nothing(acme: str, globex: str, api: Api, person: Person) -> None:
    held = keep(acme)
    client = api(globex, person(globex, "admin"))
    assert client.get(f"{BASE}/{held.id}").status_code == 404
    body = {"resolution": "allow_original", "note": "mine"}
    assert client.post(f"{BASE}/{held.id}/resolve", body, format="json").status_code == 404
    assert len(kept(acme)) == 1


def test_the_page_marks_the_orders_beside_the_sanitised_version(acme: str, admin_of: Admin) -> None:
    key = "AKIA" + "Q3ZXVBNM7WKYZ2BT"
    text = f"<script>alert(1)</script> {key} {ORDER}."
    held = keep(acme, screened=make_screened(text))
    page = admin_of(acme).get(f"{ADMIN}/escalation/{held.id}/change/").content.decode()
    assert f"<mark title='imperative_command'>{ORDER}</mark>" in page
    assert "[removed]" in page
    assert (key in page, "[REDACTED:" in page) == (False, True)
    assert page.index("What came back") < page.index("Requester id")
    assert "<script>alert(1)" not in page
    for words in ("ignore_previous", "minutes.example", "critical", "0.98"):
        assert words in page
    for action in ("allow_sanitized", "allow_original", "block", "block_source"):
        assert f'value="{action}"' in page
    assert 'value="approve"' not in page


def test_the_page_of_a_call_has_no_result(acme: str, admin_of: Admin) -> None:
    page = admin_of(acme).get(f"{ADMIN}/escalation/{hold(acme).id}/change/").content.decode()
    assert "What came back" not in page
    assert 'value="block_source"' not in page


def test_the_original_is_let_go_with_a_reason_and_after_a_look(acme: str, admin_of: Admin) -> None:
    held = keep(acme)
    client = admin_of(acme)
    asked = press(client, "escalation", "allow_original", held.id)
    assert f">{ORDER}</mark>" in asked
    assert "with the orders in them" in asked
    assert row_of(acme, held).status == "pending"
    again = press(client, "escalation", "allow_original", held.id, confirmed="yes", note="")
    assert "Say why" in again
    press(client, "escalation", "allow_original", held.id, confirmed="yes", note="a quotation")
    assert row_of(acme, held).resolution == "allow_original"


def test_the_original_is_not_offered_where_it_was_not_kept(
    acme: str, admin_of: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.exceptions.services.withheld.MAX_ORIGINAL", 10)
    held = keep(acme)
    page = admin_of(acme).get(f"{ADMIN}/escalation/{held.id}/change/").content.decode()
    assert ('value="allow_sanitized"' in page, 'value="allow_original"' in page) == (True, False)


def test_a_source_is_chosen_to_be_blocked(acme: str, admin_of: Admin, person: Person) -> None:
    held = keep(acme)
    client = signed_in(acme, person(acme, "analyst"))
    asked = press(client, "escalation", "block_source", held.id)
    assert '<option value="domain:minutes.example">domain minutes.example</option>' in asked
    assert '<option value="server:files">MCP server files</option>' in asked
    assert 'value="domain:?"' not in asked
    again = press(client, "escalation", "block_source", held.id, confirmed="yes", note="spam")
    assert "Name a domain or the server." in again
    chosen = {"confirmed": "yes", "note": "spam", "choice": "server:files"}
    told = press(client, "escalation", "block_source", held.id, **chosen)
    with in_tenant(acme):
        rule = SourceRule.objects.get()
    link = f"<a href='/admin/policies/sourcerule/{rule.pk}/change/'>source rule for MCP server files</a>"
    assert f"Result of read_file, by agent 1: blocked, and its source, too: {link}" in told
    assert client.get(f"/admin/policies/sourcerule/{rule.pk}/change/").status_code == 200
    assert (rule.kind, rule.pattern, rule.tier) == ("server", "files", "block")
    assert row_of(acme, held).resolution == "block_source"


def test_all_of_the_domain_is_offered_beside_the_host(acme: str, admin_of: Admin) -> None:
    held = keep(acme, screened=make_screened(domains=("collector.evil.example", "github.io", "192.0.2.7", "intranet")))
    client = admin_of(acme)
    asked = press(client, "escalation", "block_source", held.id)
    offered = re.findall(r'<option value="([^"]+)"', asked.partition('id="id_choice"')[2])
    assert offered == [
        "domain:collector.evil.example",
        "domain:*.evil.example",
        "domain:192.0.2.7",
        "domain:intranet",
        "server:files",
    ]
    refused = press(client, "escalation", "block_source", held.id, confirmed="yes", choice="domain:github.io")
    assert "github.io is a public suffix" in refused
    chosen = {"confirmed": "yes", "note": "spam", "choice": "domain:*.evil.example"}
    assert "source rule for domain *.evil.example" in press(client, "escalation", "block_source", held.id, **chosen)
    with in_tenant(acme):
        assert SourceRule.objects.get().pattern == "*.evil.example"


def test_the_list_tells_results_from_calls_and_names_the_gravest_class(acme: str, admin_of: Admin) -> None:
    screened = make_screened()
    (grave,) = screened.findings
    mild = replace(grave, kind="tool_coercion", severity=Severity.MEDIUM)
    held = keep(acme, screened=replace(screened, findings=(mild, grave)))
    hold(acme)
    client = admin_of(acme)
    listed = client.get(f"{ADMIN}/escalation/").content.decode()
    assert '<td class="field-about">result: imperative_command</td>' in listed
    assert '<td class="field-about">call</td>' in listed
    filtered = client.get(f"{ADMIN}/escalation/?subject__exact=inbound").content.decode()
    assert (held.id in filtered, '<td class="field-about">call</td>' in filtered) == (True, False)
    page = client.get(f"{ADMIN}/escalation/{held.id}/change/").content.decode()
    assert "<h2>Result of read_file, by agent 1</h2>" in page


@pytest.mark.parametrize(("action", "words"), [("allow_sanitized", "allowed sanitized"), ("block", "blocked<")])
def test_it_says_which_answer_was_given(acme: str, admin_of: Admin, action: str, words: str) -> None:
    held = keep(acme)
    told = press(admin_of(acme), "escalation", action, held.id, confirmed="yes", note="seen")
    assert f"Result of read_file, by agent 1: {words}" in told


def test_wide_tables_of_findings_scroll(acme: str, admin_of: Admin) -> None:
    page = admin_of(acme).get(f"{ADMIN}/escalation/{keep(acme).id}/change/").content.decode()
    assert "<div class='wide'><table class='findings'>" in page
