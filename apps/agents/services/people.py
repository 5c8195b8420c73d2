"""Signing in from a script: a password becomes an access token for an hour."""

from datetime import datetime

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from apps.agents.models import PersonalAccessToken
from apps.agents.services.access_tokens import LOGIN_TTL, NewAccessToken, add_access_token
from apps.audit import services as audit
from apps.decision.errors import NotAuthenticated
from apps.decision.events import EventKind
from apps.tenants.context import is_operator
from apps.tenants.roles import role_of_user


def sign_in(*, username: str, password: str, now: datetime | None = None) -> NewAccessToken:
    """Raises NotAuthenticated, always the same, for an unknown name, a wrong password or a person without a role."""
    user = authenticate(None, username=username, password=password)
    role = role_of_user(user) if isinstance(user, User) else None
    if not isinstance(user, User) or role is None:
        record_sign_in_refused(username)
        raise NotAuthenticated("The user name or the password is wrong.", code="sign_in_refused")
    return _admit(user, now or timezone.now())


@transaction.atomic
def _admit(user: User, now: datetime) -> NewAccessToken:
    role = role_of_user(user)
    if role is None:
        raise NotAuthenticated("The user name or the password is wrong.", code="sign_in_refused")
    purpose = PersonalAccessToken.Purpose.LOGIN
    made = add_access_token(user, name="sign-in", role=role, ttl=LOGIN_TTL, purpose=purpose, now=now)
    extra = {"access_token": str(made.row.id), "by": "password"}
    audit.record(EventKind.ADMIN_SIGNED_IN, actor=f"user:{user.get_username()}", extra=extra)
    return made


@transaction.atomic
def record_sign_in(user: User) -> None:
    """A sign-in at the console. The operator's console belongs to no tenant and so to no tenant's log."""
    if not is_operator():
        audit.record(EventKind.ADMIN_SIGNED_IN, actor=f"user:{user.get_username()}", extra={"by": "console"})


@transaction.atomic
def record_sign_in_refused(username: str) -> None:
    """Only a name that exists is noted: people type passwords into the wrong field."""
    if is_operator():
        return
    known = User.objects.filter(username=username).exists()
    audit.record(EventKind.ADMIN_SIGN_IN_REFUSED, actor=f"user:{username}" if known else "anonymous")
