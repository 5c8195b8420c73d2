"""Tenant B in the admin site, on the live feed, in Redis and in the task queue of tenant A."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.audit.tests.test_feed import Subscriber, headers, sign_in, web_socket, writing
from apps.tenants.context import here, in_operator, in_tenant, tenant_key
from apps.tenants.redis import redis_client
from apps.tenants.sites import operator_site, tenant_site
from behavry.celery import app as celery
from behavry.tests.doors import Belongings, furnish, head_of

Person = Callable[..., User]
OPERATOR = "operator.localhost"
# What belongs to the installation: Celery's broker, and nothing else.
PLATFORM_KEYS = re.compile(r"celery|unacked.*|_kombu\..*")
TENANT_KEY = re.compile(r"(t_[a-z0-9_]+|behavry_operator):.+", re.DOTALL)  # the operator signs in somewhere, too


@pytest.fixture
def ours(acme: str, person: Person) -> Belongings:
    return furnish(acme, person(acme, "admin"))


def page_of(model: type[Model], page: str, *arguments: Any, site: str = "admin") -> str:
    return reverse(f"{site}:{model._meta.app_label}_{model._meta.model_name}_{page}", "behavry.urls", arguments)


def first_keys(schema: str) -> dict[type[Model], Any]:
    """The primary key of one row per model of the tenant's admin site, where there is one."""
    with in_tenant(schema):
        found = {model: model._default_manager.order_by("pk").last() for model in tenant_site._registry}
        return {model: row.pk for model, row in found.items() if row is not None}


def counts(schema: str) -> dict[str, int]:
    """Rows per table of a tenant, with the end of its log."""
    with in_tenant(schema), connection.cursor() as cursor:
        tables = [m._meta.db_table for m in apps.get_models() if not m._meta.app_label.startswith("tenants")]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM \"{table}\" t")
            found[table] = cursor.fetchone()
        return found


def test_it_shows_a_strangers_admin_nothing_on_any_page(
    ours: Belongings, acme: str, globex: str, admin_of: Callable[[str], Client]
) -> None:
    keys, stranger, before = first_keys(acme), admin_of(globex), counts(acme)
    assert len(keys) >= 10
    for model, site in tenant_site._registry.items():
        changelist = page_of(model, "changelist")
        answer = stranger.get(changelist)
        assert answer.status_code == 200, changelist
        text = answer.content.decode()
        assert not [mark for mark in ours.marks if mark in text], changelist
        if model not in keys:
            continue
        for page in ("change", "history", "delete"):
            text = stranger.get(page_of(model, page, keys[model]), follow=True).content.decode()
            assert not [mark for mark in ours.marks if mark in text.replace(str(keys[model]), "")], (changelist, page)
        for action in site.actions or ():
            stranger.post(changelist, {"action": action, "_selected_action": [str(keys[model])]})
    assert counts(acme) == before


def test_it_shows_the_same_pages_to_the_tenants_own_admin(
    ours: Belongings, acme: str, admin_of: Callable[[str], Client]
) -> None:
    """What the silence above is worth: each of these pages has something to show."""
    at_home = admin_of(acme)
    for model, key in first_keys(acme).items():
        assert at_home.get(page_of(model, "change", key)).status_code == 200, model


def test_it_sends_people_without_a_role_to_the_login_page(ours: Belongings, acme: str, person: Person) -> None:
    nobody = Client(SERVER_NAME="acme.test")
    user = person(acme, None)
    with in_tenant(acme):
        nobody.force_login(user)
    for model in tenant_site._registry:
        answer = nobody.get(page_of(model, "changelist"))
        assert answer.status_code == 302, model
        assert "/admin/login/" in answer["Location"]


def test_it_keeps_the_operators_pages_and_the_tenants_apart(
    acme: str, admin_of: Callable[[str], Client], db: None
) -> None:
    with in_operator():
        root = User.objects.create_superuser("root-of-this-test")
        operator = Client(SERVER_NAME=OPERATOR)
        operator.force_login(root)
    tenant = admin_of(acme)
    only_operators = [model for model in operator_site._registry if model not in tenant_site._registry]
    only_tenants = [model for model in tenant_site._registry if model not in operator_site._registry]
    assert only_operators and only_tenants
    for client, mine, others in ((operator, only_operators, only_tenants), (tenant, only_tenants, only_operators)):
        for model in mine:
            assert client.get(_changelist(model)).status_code == 200, model
        for model in others:
            assert client.get(_changelist(model)).status_code == 404, model
    cookie = operator.cookies["sessionid"].value
    elsewhere = Client(SERVER_NAME="acme.test")
    elsewhere.cookies["sessionid"] = cookie
    assert elsewhere.get("/admin/").status_code == 302
    with in_tenant(acme):
        assert not Session.objects.filter(pk=cookie).exists()


def _changelist(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.fixture
def two(fresh_tenant: Callable[[], str]) -> tuple[str, str]:
    """Two committed tenants."""
    return fresh_tenant(), fresh_tenant()


def test_it_feeds_nobody_with_the_entries_of_another_tenant(two: tuple[str, str]) -> None:
    ours, theirs = two
    cookie = sign_in(theirs, "admin")

    async def main() -> None:
        async with writing() as write:
            await write(ours, 12)
            page = Subscriber(headers(theirs, cookie))
            await page.until(lambda s: "retry" in s.text)
            # The position of another tenant's log is beyond the end of this one, so it means "from now on".
            resumed = Subscriber(headers(theirs, cookie, (b"last-event-id", b"12")))
            await resumed.until(lambda s: "retry" in s.text)
            socket = web_socket(headers(theirs, cookie))
            await socket.send_input({"type": "websocket.connect"})
            assert (await socket.receive_output(5))["type"] == "websocket.accept"
            await write(ours, 20)
            await write(theirs, 3)
            for one in (page, resumed):
                await one.until(lambda s: len(s.ids) >= 3)
                await one.leave()
                assert one.ids == [1, 2, 3]
            told = [json.loads((await socket.receive_output(5))["text"]) for _ in range(3)]
            assert [message["id"] for message in told] == [1, 2, 3]
            assert await socket.receive_nothing(0.2)
            await socket.send_input({"type": "websocket.disconnect", "code": 1000})
            await socket.wait(5)
            back = Subscriber(headers(theirs, cookie, (b"last-event-id", b"1")))
            await back.until(lambda s: len(s.ids) >= 2)
            await back.leave()
            assert back.ids == [2, 3]

    asyncio.run(main())


def test_it_keeps_every_key_in_redis_under_its_tenant(two: tuple[str, str]) -> None:
    for schema in two:
        with in_tenant(schema):
            admin = User.objects.create_superuser("root")
        home = furnish(schema, admin)
        client = Client(SERVER_NAME=f"{schema.removeprefix('t_')}.test")
        body = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "wrong"}
        assert client.post("/api/v1/auth/token", body, content_type="application/json").status_code == 401
        assert client.get("/api/v1/agents", headers={"Authorization": f"Bearer {home.access_token}"}).status_code == 200
    keys = [key.decode() for key in redis_client().scan_iter(count=1000)]
    assert [key for key in keys if not TENANT_KEY.fullmatch(key) and not PLATFORM_KEYS.fullmatch(key)] == []
    for mine, other in (two, two[::-1]):
        own = [key for key in keys if key.startswith(tenant_key(mine, ""))]
        assert len(own) >= 2, keys
        assert not [key for key in own if re.search(rf"{other}\b", key)]
        assert not [key for key in own if other.encode() in (redis_client().dump(key) or b"")]


def tenant_tasks() -> Iterator[Any]:
    celery.loader.import_default_modules()
    return (task for task in celery.tasks.values() if getattr(task, "takes_schema", False))


def test_it_runs_a_task_in_the_tenant_it_names_and_no_other(ours: Belongings, acme: str, globex: str) -> None:
    before, seq = counts(globex), head_of(acme)
    names = {task.name: task.apply(args=[acme]).state for task in tenant_tasks()}
    assert set(names.values()) == {"SUCCESS"}, names
    assert "audit.verify_chain" in names
    assert counts(globex) == before
    assert head_of(acme) > seq
    assert here.schema_name == "public"


def test_it_fails_a_task_of_no_tenant_and_changes_nothing(two: tuple[str, str]) -> None:
    before = [counts(tenant) for tenant in two]
    for schema in ("public", "behavry_operator", "", "t_nowhere", "acme", "t_acme,t_globex", 'x"; --'):
        for task in tenant_tasks():
            done = task.apply(args=[schema])
            assert done.failed(), (schema, task.name, done.result)
            assert here.schema_name == "public"
    assert [counts(tenant) for tenant in two] == before
