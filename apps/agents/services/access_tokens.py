"""Personal access tokens: made, used, withdrawn. A token never carries more than its owner's role."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.agents import credentials
from apps.agents.credentials import Purpose
from apps.agents.models import PersonalAccessToken
from apps.agents.services.checking import check
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotAllowed, NotAuthenticated, NotFound
from apps.decision.events import EventKind
from apps.tenants.roles import Role, role_of_user

MAX_TTL = timedelta(days=366)
LOGIN_TTL = timedelta(hours=1)
# `last_used_at` answers "is this still in use?"; a write per request would answer no better.
LAST_USED_GRAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewAccessToken:
    """A row and its token, which exists in clear only here."""

    row: PersonalAccessToken
    token: str = field(repr=False)


@transaction.atomic
def create_access_token(
    user: User, *, name: str, role: Role, ttl: timedelta, actor: str, now: datetime | None = None
) -> NewAccessToken:
    held = role_of_user(user)
    if held is None or role > held:
        raise NotAllowed("A token cannot carry a higher role than its owner's.", code="role_too_high")
    if not timedelta(0) < ttl <= MAX_TTL:
        raise BadInput("An access token lives for at most 366 days.", fields={"expires_in": "Out of range."})
    made = add_access_token(
        user, name=name, role=role, ttl=ttl, purpose=PersonalAccessToken.Purpose.PERSONAL, now=now or timezone.now()
    )
    extra = {"access_token": str(made.row.id), "name": name, "role": role.group, "expires_at": _text(made.row)}
    audit.record(EventKind.ACCESS_TOKEN_CREATED, actor=actor, extra=extra)
    return made


def add_access_token(
    user: User, *, name: str, role: Role, ttl: timedelta, purpose: str, now: datetime
) -> NewAccessToken:
    """Store a new token. The caller has checked the role, owns the transaction and writes the log entry."""
    token = credentials.generate(Purpose.ACCESS_TOKEN)
    row = PersonalAccessToken(
        user=user,
        name=name,
        purpose=purpose,
        prefix=credentials.prefix_of(token),
        token_hash=credentials.digest(token),
        role=int(role),
        created_at=now,
        expires_at=now + ttl,
    )
    check(row)
    row.save(force_insert=True)
    return NewAccessToken(row, token)


@transaction.atomic
def revoke_access_token(
    token_id: UUID, *, actor: str, owner: User | None = None, now: datetime | None = None
) -> PersonalAccessToken:
    """With `owner`, only that person's tokens exist."""
    rows = PersonalAccessToken.objects.select_for_update(of=("self",)).filter(pk=token_id)
    row = (rows.filter(user=owner) if owner is not None else rows).first()
    if row is None:
        raise NotFound("There is no such access token.")
    if row.revoked_at is not None:
        raise Conflict("The access token is revoked already.", code="wrong_status")
    row.revoked_at = now or timezone.now()
    row.save(update_fields=["revoked_at"])
    audit.record(EventKind.ACCESS_TOKEN_REVOKED, actor=actor, extra={"access_token": str(row.id), "name": row.name})
    return row


def forget_sign_ins(before: datetime) -> int:
    """Drop what scripted sign-ins left behind; tokens that a person made stay until that person looks."""
    purpose = PersonalAccessToken.Purpose.LOGIN
    return PersonalAccessToken.objects.filter(purpose=purpose, expires_at__lt=before).delete()[0]


def use_access_token(token: str, *, now: datetime | None = None) -> PersonalAccessToken:
    """The row of a token that is good now, with its active user; raises NotAuthenticated, always the same."""
    now = now or timezone.now()
    row = PersonalAccessToken.objects.select_related("user").filter(token_hash=credentials.digest(token)).first()
    if row is None or not row.is_usable(now) or not row.user.is_active:
        raise NotAuthenticated("The access token is not valid.", code="invalid_token")
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_GRAIN)
    PersonalAccessToken.objects.filter(stale, pk=row.pk).update(last_used_at=now)
    return row


def _text(row: PersonalAccessToken) -> str:
    return row.expires_at.isoformat()
