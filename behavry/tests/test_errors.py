"""Errors outside MCP have one shape, whoever notices them first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from apps.policies.tests.examples import policy


def test_it_answers_in_its_own_shape_what_django_refuses_before_a_view_is_asked(acme: str) -> None:
    answer = Client(SERVER_NAME="acme.test").get("/api/v1/agents", dict.fromkeys(map(str, range(2000)), "1"))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:behavry:error:bad_input"


def test_it_lets_one_of_many_at_once_make_a_thing_and_tells_the_others_of_a_conflict(
    fresh_tenant: Callable[[], str], person: Callable[..., User], api: Callable[..., APIClient]
) -> None:
    schema = fresh_tenant()
    admin = person(schema, "admin")

    def make(path: str, body: dict[str, Any]) -> int:
        try:
            return int(api(schema, admin).post(f"/api/v1/{path}", body, format="json").status_code)
        finally:
            connection.close()

    many = 6
    pattern = {"name": "house_number", "regex": "house-[0-9]{4}", "severity": "low", "action": "log"}
    server = {"name": "files", "transport": "http", "url": "http://127.0.0.1:9/mcp"}
    draft = {"name": "Late hours", "content": policy()}
    with ThreadPoolExecutor(many) as threads:
        for path, body in (("dlp/patterns", pattern), ("servers", server), ("policies", draft)):
            answers = sorted(threads.map(make, [path] * many, [body] * many))
            assert answers == [201] + [409] * (many - 1), path
