"""The tenant's signing keys: made on first need, rotated with an overlap, retired."""

import hashlib
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.agents.models import KeyState, SigningKey
from apps.agents.services.locking import one_at_a_time
from apps.agents.tokens import CLOCK_SKEW
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.tenants.context import current_schema
from apps.tenants.sealing import seal, unseal


def ensure_signing_key() -> SigningKey:
    """The key that signs now; made, and announced in the log, when the tenant has none yet."""
    key = SigningKey.objects.filter(state=KeyState.ACTIVE).first()
    return key or _first_key()


@transaction.atomic
def _first_key() -> SigningKey:
    one_at_a_time("agents.signing_keys")
    key = SigningKey.objects.filter(state=KeyState.ACTIVE).first()
    if key is None:
        key = _make(KeyState.ACTIVE, timezone.now())
        audit.record(EventKind.SIGNING_KEY_ROTATED, actor="system", extra={"kid": key.kid, "first": True})
    return key


@transaction.atomic
def rotate_signing_key(*, actor: str, immediately: bool = False, now: datetime | None = None) -> SigningKey:
    """The next key takes over and another is published behind it.

    Tokens of the old key live out their hour, unless `immediately`: then every other key is worthless at once, as it
    must be when one has leaked.
    """
    one_at_a_time("agents.signing_keys")
    now = now or timezone.now()
    if immediately:
        SigningKey.objects.exclude(state=KeyState.RETIRED).update(state=KeyState.RETIRED, retires_at=now)
    else:
        lifetime = timedelta(seconds=settings.BEHAVRY_TOKEN_SECONDS) + CLOCK_SKEW
        SigningKey.objects.filter(state=KeyState.RETIRING, retires_at__lte=now).update(state=KeyState.RETIRED)
        SigningKey.objects.filter(state=KeyState.ACTIVE).update(state=KeyState.RETIRING, retires_at=now + lifetime)
    key = SigningKey.objects.filter(state=KeyState.NEXT).first()
    if key is None:
        key = _make(KeyState.ACTIVE, now)
    else:
        key.state, key.activated_at = KeyState.ACTIVE, now
        key.save(update_fields=["state", "activated_at"])
    following = _make(KeyState.NEXT, now)
    extra = {"kid": key.kid, "next_kid": following.kid, "immediately": immediately}
    audit.record(EventKind.SIGNING_KEY_ROTATED, actor=actor, extra=extra)
    return key


def public_keys(now: datetime) -> dict[str, str]:
    """kid → PEM of every key whose tokens may be seen, now or soon."""
    living = Q(state__in=(KeyState.NEXT, KeyState.ACTIVE)) | Q(state=KeyState.RETIRING, retires_at__gt=now)
    return dict(SigningKey.objects.filter(living).order_by("created_at").values_list("kid", "public_pem"))


def private_pem(key: SigningKey) -> bytes:
    return unseal(bytes(key.private_sealed), context=_context(key.kid))


def _make(state: KeyState, now: datetime) -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kid = hashlib.sha256(public_pem).hexdigest()[:24]
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey.objects.create(
        kid=kid,
        public_pem=public_pem.decode(),
        private_sealed=seal(pem, context=_context(kid)),
        state=state,
        created_at=now,
        activated_at=now if state == KeyState.ACTIVE else None,
    )


def _context(kid: str) -> str:
    return f"{current_schema()}:signing_key:{kid}"
