"""Only exactly what `issue` writes is accepted, by whom and for whom it was meant, and only for its hour."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.agents import tokens
from apps.agents.tests.builders import key_pair
from apps.agents.tokens import Claims, TokenError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PRIVATE, PUBLIC = key_pair()
OTHER_PRIVATE, OTHER_PUBLIC = key_pair()
KEYS = {"k1": PUBLIC, "k2": OTHER_PUBLIC}
AUDIENCE = "https://acme.test"


def make_token(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "private_pem": PRIVATE,
        "kid": "k1",
        "issuer": "behavry",
        "audience": AUDIENCE,
        "schema": "t_acme",
        "agent_id": "a-1",
        "client_id": "agt_1",
        "session_id": "s-1",
        "roles": ["reader"],
        "permissions": ["filesystem:read"],
        "risk_tier": "low",
        "now": NOW,
    }
    return tokens.issue(**{**fields, **changes})


def check(token: str, **changes: Any) -> Claims:
    fields: dict[str, Any] = {
        "keys": KEYS,
        "issuer": "behavry",
        "audiences": [AUDIENCE],
        "schema": "t_acme",
        "now": NOW,
    }
    return tokens.verify(token, **{**fields, **changes})


def forged(header: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None, key: Any = PRIVATE) -> str:
    """A correctly signed token with altered header fields or claims; None drops a claim."""
    claims = {**jwt.decode(make_token(), options={"verify_signature": False}), **(body or {})}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1", "typ": "at+jwt", **(header or {})})


def why(token: str, **changes: Any) -> str:
    with pytest.raises(TokenError) as caught:
        check(token, **changes)
    assert caught.value.code == "invalid_token"
    assert str(caught.value) == "invalid_token"
    return caught.value.why


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_it_reads_back_what_was_issued() -> None:
    claims = check(make_token())
    assert claims == Claims(
        agent_id="a-1",
        session_id="s-1",
        expires_at=NOW + timedelta(hours=1),
        roles=("reader",),
        permissions=("filesystem:read",),
        risk_tier="low",
        tenant="t_acme",
    )


def test_it_carries_the_claims_the_product_promises() -> None:
    token = make_token()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "k1", "typ": "at+jwt"}
    assert claims["exp"] - claims["iat"] == 3600
    assert set(claims) == {
        "iss", "sub", "jti", "aud", "client_id", "tenant", "roles", "permissions", "risk_tier", "iat", "exp",
    }  # fmt: skip


def test_it_accepts_both_keys_of_an_overlap() -> None:
    assert check(make_token(private_pem=OTHER_PRIVATE, kid="k2")).agent_id == "a-1"
    assert check(make_token()).agent_id == "a-1"


def test_it_refuses_a_key_after_its_overlap() -> None:
    assert why(make_token(), keys={"k2": OTHER_PUBLIC}) == "unknown_key"


def test_it_refuses_one_keys_signature_under_another_keys_name() -> None:
    assert why(make_token(kid="k2")) == "signature"


def test_it_refuses_no_algorithm() -> None:
    _, body, _ = make_token().split(".")
    for alg in ("none", "None", "NONE", ""):
        header = part({"alg": alg, "kid": "k1", "typ": "at+jwt"})
        assert why(f"{header}.{body}.") == "shape"
        assert why(f"{header}.{body}.AA") == "header"


def test_it_refuses_an_hmac_with_the_public_key() -> None:
    body = make_token().split(".")[1]
    signed = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': 'at+jwt'})}.{body}"
    mac = hmac.new(PUBLIC.encode(), signed.encode(), hashlib.sha256).digest()
    assert why(f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}") == "header"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_it_refuses_other_rsa_algorithms_of_the_same_key(alg: str) -> None:
    claims = jwt.decode(make_token(), options={"verify_signature": False})
    assert why(jwt.encode(claims, PRIVATE, algorithm=alg, headers={"kid": "k1", "typ": "at+jwt"})) == "header"


@pytest.mark.parametrize(
    "header", [{"typ": "JWT"}, {"kid": "k9"}, {"kid": 1}, {"crit": ["x"]}, {"jku": "https://evil.test"}, {"jwk": {}}]
)
def test_it_refuses_a_header_that_is_not_ours(header: dict[str, Any]) -> None:
    if header == {"kid": 1}:  # PyJWT would not write it
        _, body, signature = make_token().split(".")
        token = f"{part({'alg': 'RS256', 'kid': 1, 'typ': 'at+jwt'})}.{body}.{signature}"
    else:
        token = forged(header=header)
    assert why(token) in {"header", "unknown_key"}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iss": "somebody"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://globex.test"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["https://globex.test"]}, "audience"),
        ({"tenant": "t_globex"}, "tenant"),
        ({"tenant": None}, "tenant"),
        ({"exp": None}, "claim_exp"),
        ({"exp": 10**30}, "claim_exp"),
        ({"exp": -1}, "claim_exp"),
        ({"iat": None}, "claim_iat"),
        ({"iat": int(NOW.timestamp()) + 31}, "not_yet_valid"),
        ({"nbf": int(NOW.timestamp()) + 31}, "not_yet_valid"),
        ({"sub": None}, "claim_sub"),
        ({"jti": None}, "claim_jti"),
        ({"jti": ""}, "claim_jti"),
        ({"roles": None}, "claim_roles"),
        ({"roles": "reader"}, "claim_roles"),
        ({"permissions": [1]}, "claim_permissions"),
        ({"risk_tier": None}, "claim_risk_tier"),
    ],
)
def test_it_refuses_wrong_or_missing_claims(claims: dict[str, Any], expected: str) -> None:
    assert why(forged(body=claims)) == expected


def test_it_refuses_from_the_second_of_expiry() -> None:
    check(make_token(), now=NOW + timedelta(seconds=3599))
    assert why(make_token(), now=NOW + timedelta(hours=1)) == "expired"


@settings(max_examples=300)
@given(data=st.data())
def test_it_refuses_any_token_with_one_character_changed(data: st.DataObject) -> None:
    token = make_token()
    at = data.draw(st.integers(0, len(token) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"
    other = data.draw(st.sampled_from(alphabet).filter(lambda character: character != token[at]))
    with pytest.raises(TokenError):
        check(token[:at] + other + token[at + 1 :])


def test_it_refuses_every_other_spelling_of_the_last_character() -> None:
    token = make_token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for other in alphabet.replace(token[-1], ""):
        assert why(token[:-1] + other) in {"encoding", "signature"}


@given(data=st.data())
def test_it_refuses_any_token_cut_or_extended(data: st.DataObject) -> None:
    token = make_token()
    cut = data.draw(st.integers(0, len(token) - 1))
    tail = data.draw(st.text(alphabet="Aa0._-= \n", min_size=1, max_size=3))
    for altered in (token[:cut], token + tail, tail + token):
        with pytest.raises(TokenError):
            check(altered)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_it_refuses_garbage(text: str) -> None:
    with pytest.raises(TokenError):
        check(text)


@pytest.mark.parametrize("raw", ["[1]", '"x"', "1", "null", "{", "[" * 3000, '{"alg": "RS256"}'])
def test_it_refuses_a_header_that_is_no_header(raw: str) -> None:
    header = base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()
    assert why(f"{header}.e30.AA") in {"not_json", "not_an_object", "header"}


def test_it_refuses_an_endless_token_unread() -> None:
    assert why("a" * 20_000 + ".b.c") == "shape"
