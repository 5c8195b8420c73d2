"""The ladder of roles."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import AbstractUser, AnonymousUser

from apps.tenants.context import in_tenant
from apps.tenants.roles import Role, actor_of, at_least, role_of, role_of_user


@pytest.mark.parametrize("role", list(Role))
def test_a_group_carries_the_role(acme: str, person: Callable[..., AbstractUser], role: Role) -> None:
    user = person(acme, role.group)
    with in_tenant(acme):
        assert role_of_user(user) is role


def test_the_highest_of_several_roles_counts(acme: str, person: Callable[..., AbstractUser]) -> None:
    user = person(acme, "viewer")
    with in_tenant(acme):
        user.groups.create(name="admin")
        assert role_of_user(user) is Role.ADMIN


def test_a_person_without_a_role_or_account_has_none(acme: str, person: Callable[..., AbstractUser]) -> None:
    user = person(acme, None)
    with in_tenant(acme):
        assert role_of_user(user) is None
    assert role_of_user(AnonymousUser()) is None


def test_an_inactive_admin_has_none(acme: str, person: Callable[..., AbstractUser]) -> None:
    user = person(acme, "admin")
    user.is_active = False
    with in_tenant(acme):
        assert role_of_user(user) is None


def test_a_token_caps_the_role_but_never_raises_it(acme: str, person: Callable[..., AbstractUser]) -> None:
    user = person(acme, "analyst")
    with in_tenant(acme):
        low = cast(Any, SimpleNamespace(user=user, auth=SimpleNamespace(role=1, name="ci")))
        high = cast(Any, SimpleNamespace(user=user, auth=SimpleNamespace(role=4, name="ci")))
        assert role_of(low) is Role.VIEWER
        assert role_of(high) is Role.ANALYST
        assert not at_least(Role.ANALYST)().has_permission(low, cast(Any, None))
        assert at_least(Role.ANALYST)().has_permission(high, cast(Any, None))
        assert actor_of(low) == f"user:{user.username} token:ci"


def test_its_words_fit_wherever_they_are_kept(acme: str, person: Callable[..., AbstractUser]) -> None:
    user = person(acme, "admin")
    user.username = "n" * 150
    request = cast(Any, SimpleNamespace(user=user, auth=SimpleNamespace(name="k" * 100)))
    assert actor_of(request).startswith(f"user:{user.username} token:kkk")
    assert len(actor_of(request)) == 200
