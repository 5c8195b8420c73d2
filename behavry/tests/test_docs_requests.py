"""Requests that the documentation gives to be copied are taken as they stand."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from apps.exceptions.services.hooks import KINDS
from apps.exceptions.tests.withholding import keep, make_screened
from apps.policies.models import SourceRule
from apps.tenants.context import in_tenant
from behavry.demo import seed

DOCS = Path(__file__).resolve().parents[2] / "docs"
Api = Callable[..., APIClient]
Person = Callable[..., User]


def bodies(document: str, address: str) -> list[dict[str, Any]]:
    """What the document sends to this address, with the variables that are set in the same block."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", (DOCS / document).read_text(), re.S):
        text = block.replace("\\\n", " ")
        for name, value in re.findall(r"^([A-Z]+)=(\S+)$", text, re.M):
            text = text.replace(f"'${name}'", value)
        for command in re.findall(r"^curl .*?(?=^curl |^[A-Z]+=|\Z)", text, re.S | re.M):
            words = shlex.split(command)
            if "-d" in words and any(word.endswith(address) for word in words):
                found.append(orjson.loads(words[words.index("-d") + 1]))
    return found


@pytest.mark.django_db
def test_servers_are_registered_beside_those_of_the_demo(
    acme: str, api: Api, person: Person, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BEHAVRY_STDIO_SERVERS = True
    monkeypatch.setattr(seed, "FILES", {})
    with in_tenant(acme):
        seed._servers(tmp_path, 9)
    client = api(acme, person(acme, "admin"))
    examples = bodies("gateway.md", "/api/v1/servers")
    answers = [client.post("/api/v1/servers", body, format="json") for body in examples]
    assert [answer.status_code for answer in answers] == [201, 201], [answer.json() for answer in answers]


@pytest.mark.django_db
def test_a_source_is_blocked_as_documented(acme: str, api: Api, person: Person) -> None:
    (example,) = [one for one in bodies("escalations.md", "/resolve") if one["resolution"] == "block_source"]
    held = keep(acme, screened=make_screened(domains=("collector.evil.example",)))
    client = api(acme, person(acme, "analyst"))
    answer = client.post(f"/api/v1/escalations/{held.id}/resolve", example, format="json")
    assert answer.status_code == 200, answer.json()
    with in_tenant(acme):
        rule = SourceRule.objects.get()
    assert (rule.pattern, rule.priority, rule.tier) == ("*.evil.example", 1, "block")
    assert client.delete(f"/api/v1/source-rules/{rule.pk}").status_code == 403
    author = api(acme, person(acme, "policy_author"))
    assert author.delete(f"/api/v1/source-rules/{rule.pk}").status_code == 204


def test_the_kinds_of_hooks_are_all_named() -> None:
    hooks = (DOCS / "escalations.md").read_text().partition("## Notification hooks")[2]
    listed = hooks.partition("`kinds` is any of these")[2].partition("These are all")[0]
    assert tuple(re.findall(r"`([a-z_]+\.[a-z_]+)`", listed)) == KINDS
