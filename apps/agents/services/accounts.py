"""Accounts of people within a tenant: made with a role, and the making is an entry."""

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict
from apps.decision.events import EventKind
from apps.tenants.roles import Role


@transaction.atomic
def create_person(*, username: str, password: str, role: Role, actor: str, email: str = "") -> User:
    """Raises BadInput for a weak password or an unusable name, Conflict when the name is taken."""
    user = User(username=username, email=email, is_staff=True)
    try:
        user.full_clean(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        if User.objects.filter(username=username).exists():
            raise Conflict(f"There is an account {username!r} already") from None
        raise BadInput(" ".join(error.messages)) from None
    user.set_password(password)
    user.save()
    user.groups.add(Group.objects.get_or_create(name=role.group)[0])
    audit.record(EventKind.ACCOUNT_CREATED, actor=actor, target=username, extra={"role": role.group})
    return user
