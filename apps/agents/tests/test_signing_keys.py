"""Signing keys: made once, rotated with an overlap, sealed at rest."""

from datetime import timedelta

import jwt
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.agents import services, tokens
from apps.agents.models import KeyState, SigningKey
from apps.agents.services.signing_keys import private_pem
from apps.agents.tests.builders import kinds, make_agent
from apps.agents.tokens import TokenError
from apps.decision.errors import Unavailable
from apps.tenants.context import in_tenant


def issue(schema: str, made: services.Registered) -> str:
    with in_tenant(schema):
        return services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret).access_token


def is_accepted(schema: str, token: str, minutes: float = 0) -> bool:
    now = timezone.now() + timedelta(minutes=minutes)
    with in_tenant(schema):
        book = services.snapshot(now)
    try:
        tokens.verify(
            token, keys=book.keys, issuer=book.issuer, audiences=book.audiences, schema=schema, now=timezone.now()
        )
    except TokenError:
        return False
    return True


def test_it_makes_the_first_key_once_and_announces_it(acme: str) -> None:
    with in_tenant(acme):
        first = services.ensure_signing_key()
        assert services.ensure_signing_key().kid == first.kid
    assert kinds(acme) == ["signing_key.rotated"]


def test_it_keeps_both_keys_good_during_the_overlap(acme: str) -> None:
    made = make_agent(acme)
    old = issue(acme, made)
    with in_tenant(acme):
        services.rotate_signing_key(actor="user:root")
    new = issue(acme, made)
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    assert is_accepted(acme, old)
    assert is_accepted(acme, new)
    assert is_accepted(acme, new, minutes=61)
    assert not is_accepted(acme, old, minutes=61)


def test_it_publishes_the_next_key_before_it_signs(acme: str) -> None:
    with in_tenant(acme):
        services.rotate_signing_key(actor="user:root")
        following = SigningKey.objects.get(state=KeyState.NEXT).kid
        assert following in services.public_keys(timezone.now())
        assert services.rotate_signing_key(actor="user:root").kid == following
        assert [SigningKey.objects.filter(state=state).count() for state in KeyState] == [1, 1, 1, 0]


def test_it_ends_every_token_at_once_when_a_key_has_leaked(acme: str) -> None:
    made = make_agent(acme)
    old = issue(acme, made)
    with in_tenant(acme):
        services.rotate_signing_key(actor="user:root")
        services.rotate_signing_key(actor="user:root", immediately=True)
        assert SigningKey.objects.filter(state=KeyState.RETIRED).count() == 3
    assert not is_accepted(acme, old)
    assert is_accepted(acme, issue(acme, made))


def test_it_refuses_the_tokens_of_another_tenant(acme: str, globex: str) -> None:
    token = issue(acme, make_agent(acme))
    issue(globex, make_agent(globex))
    assert is_accepted(acme, token)
    assert not is_accepted(globex, token)


def test_it_stores_no_private_key_in_clear_and_none_that_moves(acme: str, globex: str) -> None:
    with in_tenant(acme):
        key = services.ensure_signing_key()
        assert private_pem(key).startswith(b"-----BEGIN ")
        assert b"BEGIN" not in bytes(key.private_sealed)
    with in_tenant(globex), pytest.raises(Unavailable):
        private_pem(key)


def test_it_cannot_have_two_active_keys(acme: str) -> None:
    with in_tenant(acme):
        services.rotate_signing_key(actor="user:root")
        with pytest.raises(IntegrityError), transaction.atomic():
            SigningKey.objects.filter(state=KeyState.NEXT).update(state=KeyState.ACTIVE)
