"""The ladder of human roles and the one question asked of it. A Django group carries each role; superusers are admins.

A personal access token may carry a lower role than its owner: the lower of the two counts.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from rest_framework.permissions import BasePermission

if TYPE_CHECKING:  # DRF's settings import this module while rest_framework.views is being imported
    from rest_framework.request import Request
    from rest_framework.views import APIView


MAX_ACTOR = 200  # what every column that names one holds; the account's own name always fits


class Role(IntEnum):
    VIEWER = 1
    ANALYST = 2
    POLICY_AUTHOR = 3
    ADMIN = 4

    @property
    def group(self) -> str:
        return self.name.lower()


def role_of_user(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role of an active user, or None for somebody without any."""
    if not user.is_authenticated or not user.is_active:
        return None
    if getattr(user, "is_superuser", False):
        return Role.ADMIN
    names = set(user.groups.values_list("name", flat=True)) if isinstance(user, User) else set()
    held = [role for role in Role if role.group in names]
    return max(held, default=None)


def role_of(request: "Request") -> Role | None:
    """The role a request acts with: its user's, capped by its token's."""
    role = role_of_user(request.user)
    cap = getattr(request.auth, "role", None)
    if role is None or cap is None:
        return role
    return min(role, Role(cap))


def actor_of(request: Any) -> str:
    """How the log names who makes this request."""
    name = f"user:{request.user.get_username()}"
    token = getattr(getattr(request, "auth", None), "name", "")
    whole = f"{name} token:{token}" if token else name
    return whole if len(whole) <= MAX_ACTOR else f"{whole[: MAX_ACTOR - 1]}…"


def at_least(role: Role) -> type[BasePermission]:
    """A DRF permission class that lets this role and higher ones through."""

    class AtLeast(BasePermission):
        message = f"This needs the role {role.group} or higher."

        def has_permission(self, request: "Request", view: "APIView") -> bool:
            held = role_of(request)
            return held is not None and held >= role

    AtLeast.__name__ = AtLeast.__qualname__ = f"AtLeast{role.name.title().replace('_', '')}"
    return AtLeast


AtLeastAdmin = at_least(Role.ADMIN)
