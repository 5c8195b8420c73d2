"""The tenant's limits on what one call may reach. A change holds from the next call on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.decision.facts import BlastRadius
from apps.decision.spelling import UnreadableError, names_in, readings
from apps.decision.types import JSON
from apps.policies.models import BlastRadiusSetting
from apps.policies.services import tenant

FIELDS: Final = (
    "min_delete_depth", "email_recipient_limit", "bulk_action_threshold", "config_paths", "protected_names",
)  # fmt: skip
_DEFAULTS: Final = BlastRadius()


def defaults() -> dict[str, JSON]:
    return {name: _plain(getattr(_DEFAULTS, name)) for name in FIELDS}


def settings() -> dict[str, JSON]:
    """What holds now, in the tenant the caller stands in."""
    row = BlastRadiusSetting.objects.first() or BlastRadiusSetting()
    return {name: getattr(row, name) for name in FIELDS}


@transaction.atomic
def configure(*, actor: str, changes: Mapping[str, Any]) -> BlastRadiusSetting:
    """Change any of FIELDS; None returns to the default. Raises BadInput, naming every field that is wrong."""
    if unknown := set(changes) - set(FIELDS):
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    tenant.alone()
    row = BlastRadiusSetting.objects.first() or BlastRadiusSetting()
    before = {name: getattr(row, name) for name in FIELDS}
    for name, value in changes.items():
        setattr(row, name, _plain(getattr(_DEFAULTS, name)) if value is None else value)
    _check(row)
    changed = {
        name: {"from": before[name], "to": getattr(row, name)} for name in FIELDS if before[name] != getattr(row, name)
    }
    if changed:
        row.save()
        audit.record(EventKind.BLAST_RADIUS_CONFIGURED, actor=actor, extra={"changed": changed})
    return row


def _check(row: BlastRadiusSetting) -> None:
    wrong = {}
    try:
        row.full_clean()
    except ValidationError as error:
        wrong = {field: " ".join(messages) for field, messages in error.message_dict.items()}
    for field, fits, how in (
        ("config_paths", _directory, "is no plain absolute path, like /srv/config or ~/.config"),
        ("protected_names", _name, "is no plain file name, like MEMORY or .env"),
    ):
        given: Sequence[str] = getattr(row, field)
        if field in wrong:
            continue
        if bad := [one for one in given if not fits(one)]:
            wrong[field] = f"{bad[0]!r} {how}."
        elif len({one.lower() for one in given}) < len(given):
            wrong[field] = "Each only once."
    if wrong:
        raise BadInput("The limits are not valid.", fields=wrong)


def _directory(path: str) -> bool:
    """In the spelling that the paths of calls are brought into; otherwise nothing would ever be below it."""
    lowered = path.lower()
    rooted = lowered.startswith(("/", "~/")) or lowered == "~" or lowered[1:3] == ":/"
    return rooted and path.isprintable() and "*" not in path and _read(lowered) in ([lowered], [lowered.rstrip("/")])


def _name(name: str) -> bool:
    lowered = name.lower()
    parts = any(one in name for one in "/\\*") or name.strip(".") == ""
    return name.isprintable() and not parts and _read(lowered) == [lowered] and next(names_in(lowered), "") == lowered


def _read(text: str) -> list[str]:
    try:
        return list(readings(text))
    except UnreadableError:
        return []


def _plain(value: Any) -> JSON:
    return list(value) if isinstance(value, tuple) else value
