"""Planted values: made, told once, sealed, looked for in everything that agents send, and retired.

A value is looked for from the next call on until its canary is retired. In what servers send it is no finding, since
there it is planted.
"""

import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.pieces import letters
from apps.policies.models import CanaryToken
from apps.policies.services import tenant
from apps.tenants.context import current_schema
from apps.tenants.sealing import seal, unseal

MAX_CANARIES: Final = 100
SHORTEST, LONGEST = 12, 512
OWN: Final = "own"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALNUM: Final = string.ascii_letters + string.digits
_BASE32: Final = string.ascii_uppercase + "234567"
_WORDS: Final = re.compile(r"[A-Za-z]+(?:[ ,.'-][A-Za-z]+)*[.!?]?")
_CONTEXT: Final = "policies.canary:{}"
_FIRST: Final = ("mara", "jonas", "elif", "noah", "ines", "peter", "sofia", "tomas")
_LAST: Final = ("lindqvist", "okafor", "bergmann", "duarte", "novak", "haddad", "moreau", "keller")


@dataclass(frozen=True, slots=True)
class Planted:
    """`value` is known to whoever made it, now and never again."""

    canary: CanaryToken
    value: str = field(repr=False)


@transaction.atomic
def plant(*, name: str, kind: str, actor: str, note: str = "", value: str = "") -> Planted:
    """Make a value of a kind of SHAPES, or take the `value` of one's own. Raises BadInput, Conflict."""
    tenant.alone()
    wrong: dict[str, str] = {}
    if not _NAME.fullmatch(name):
        wrong["name"] = "Use 1 to 63 small letters, digits, hyphens and underscores."
    if kind == OWN:
        wrong |= _flaws(value)
    elif kind not in SHAPES:
        wrong["kind"] = f"Use one of {', '.join([*SHAPES, OWN])}."
    elif value:
        wrong["value"] = "A value is made for every kind but your own."
    if wrong:
        raise BadInput("The canary token cannot be made.", code="bad_canary", fields=wrong)
    if CanaryToken.objects.filter(name=name).exists():
        raise Conflict("A canary token of this name exists.", fields={"name": "Choose another name."})
    if CanaryToken.objects.filter(retired_at=None).count() >= MAX_CANARIES:
        raise Conflict(f"A tenant may have {MAX_CANARIES} canary tokens.", code="too_many_canaries")
    made = value if kind == OWN else SHAPES[kind]()
    if made in live().values():
        raise Conflict("This value is planted already.", fields={"value": "Choose another value."})
    canary = CanaryToken(name=name, note=note[:2000], created_by=actor)
    canary.value_sealed = seal(made.encode(), context=_context())
    canary.save(force_insert=True)
    audit.record(EventKind.CANARY_PLANTED, actor=actor, extra={"name": name, "kind": kind})
    return Planted(canary, made)


@transaction.atomic
def retire(canary_id: UUID, *, actor: str) -> CanaryToken:
    """It is looked for no more; its name stays taken, since the log knows it."""
    canary = CanaryToken.objects.select_for_update().filter(pk=canary_id).first()
    if canary is None:
        raise NotFound("There is no such canary token.")
    if canary.retired_at is None:
        canary.retired_at = timezone.now()
        canary.value_sealed = b""
        canary.save(update_fields=["retired_at", "value_sealed"])
        audit.record(EventKind.CANARY_RETIRED, actor=actor, extra={"name": canary.name})
    return canary


def live() -> Mapping[str, str]:
    """What is looked for, by name: never log it."""
    rows = CanaryToken.objects.filter(retired_at=None).values_list("name", "value_sealed")
    return MappingProxyType({name: unseal(bytes(sealed), context=_context()).decode() for name, sealed in rows})


def _context() -> str:
    return _CONTEXT.format(current_schema())


def _flaws(value: str) -> dict[str, str]:
    """What would be met by chance is no canary."""
    if not SHORTEST <= len(value) <= LONGEST:
        return {"value": f"Use {SHORTEST} to {LONGEST} characters."}
    if not all(32 <= ord(sign) < 127 for sign in value) or value != value.strip():
        return {"value": "Use printable ASCII characters, without blanks around them."}
    if len(letters(value)) < SHORTEST or len(set(value.lower())) < 6:
        return {"value": f"Use at least {SHORTEST} letters and digits, and enough different ones."}
    if _WORDS.fullmatch(value) or value.isdigit():
        return {"value": "Words or digits alone are met by chance: mix them."}
    return {}


def _drawn(alphabet: str, size: int) -> str:
    """At least one digit, so that it reads like something drawn."""
    while True:
        text = "".join(secrets.choice(alphabet) for _ in range(size))
        if any(sign.isdigit() for sign in text):
            return text


def _aws() -> str:
    return "AKIA" + _drawn(_BASE32, 16)


def _aws_secret() -> str:
    return _drawn(_ALNUM + "+/", 40)


def _api_key() -> str:
    return "sk_" + "live_" + _drawn(_ALNUM, 32)


def _url() -> str:
    return f"https://files.{secrets.token_hex(5)}.net/shared/export?token={_drawn(_ALNUM, 32)}"


def _email() -> str:
    who = f"{secrets.choice(_FIRST)}.{secrets.choice(_LAST)}{secrets.randbelow(9000) + 1000}"
    return f"{who}@mail-{secrets.token_hex(3)}.net"


SHAPES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {"aws_access_key": _aws, "aws_secret_key": _aws_secret, "api_key": _api_key, "url": _url, "email": _email}
)
