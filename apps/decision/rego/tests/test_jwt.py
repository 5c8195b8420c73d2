"""Tokens: what verifies, and the well-known ways to cheat that must not."""

import json
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.decision.rego import Compiler, EvaluationError
from apps.decision.rego.tests.builders import program

NOW = 1_700_000_000
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_RULE = "p := io.jwt.decode_verify(input.token, input.constraints)"


def public(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def token(key: Any, algorithm: str, **claims: Any) -> str:
    return pyjwt.encode({"sub": "a", **claims}, key, algorithm=algorithm)


def verdict(compiler: Compiler, text: Any, **constraints: Any) -> Any:
    rule = program(compiler, _RULE)
    return rule.evaluate("a/p", {"token": text, "constraints": constraints}, now_ns=NOW * 10**9, strict=True)


def test_it_verifies_what_was_signed(compiler: Compiler) -> None:
    found = verdict(
        compiler, token(_RSA, "RS256", iss="me", aud=["x", "y"], exp=NOW + 1), cert=public(_RSA), iss="me", aud="y"
    )
    assert found == [True, {"alg": "RS256", "typ": "JWT"}, {"sub": "a", "iss": "me", "aud": ["x", "y"], "exp": NOW + 1}]
    assert verdict(compiler, token(_EC, "ES256"), cert=public(_EC))[0] is True


def test_it_takes_keys_as_a_set_and_chooses_by_id(compiler: Compiler) -> None:
    algorithm = pyjwt.algorithms.RSAAlgorithm
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = [
        {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "alg": "RS256"}
        for kid, key in (("1", other), ("2", _RSA))
    ]
    text = pyjwt.encode({"sub": "a"}, _RSA, algorithm="RS256", headers={"kid": "2"})
    assert verdict(compiler, text, cert=json.dumps({"keys": keys}))[0] is True
    assert verdict(compiler, text, cert=json.dumps({"keys": keys[:1]}))[0] is False


@pytest.mark.parametrize(
    ("claims", "constraints"),
    [
        ({"exp": NOW}, {}),
        ({"nbf": NOW + 1}, {}),
        ({"aud": "x"}, {}),
        ({"aud": "x"}, {"aud": "y"}),
        ({"iss": "other"}, {"iss": "me"}),
        ({}, {"iss": "me"}),
        ({}, {"alg": "RS512"}),
        ({"exp": NOW + 10}, {"time": (NOW + 10) * 10**9}),
    ],
)
def test_it_holds_a_token_to_its_claims(compiler: Compiler, claims: Any, constraints: Any) -> None:
    text = token(_RSA, "RS256", **claims)
    assert verdict(compiler, text, cert=public(_RSA), **constraints) == [False, {}, {}]


def test_it_refuses_another_key_and_a_changed_payload(compiler: Compiler) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = token(_RSA, "RS256")
    assert verdict(compiler, text, cert=public(other))[0] is False
    header, _, signature = text.split(".")
    forged = token(other, "RS256", sub="b").split(".")[1]
    assert verdict(compiler, f"{header}.{forged}.{signature}", cert=public(_RSA))[0] is False


def test_it_never_takes_a_public_key_for_a_secret(compiler: Compiler) -> None:
    # Signed with HS256 by hand, as PyJWT itself refuses to use a public key that way.
    rule = (
        'p := io.jwt.encode_sign({"alg": "HS256"}, {"sub": "a"}, {"kty": "oct", "k": base64url.encode_no_pad(input)})'
    )
    forged = program(compiler, rule).evaluate("a/p", "x" * 40)
    assert verdict(compiler, forged, secret="x" * 40)[0] is True
    assert verdict(compiler, forged, cert=public(_RSA)) == [False, {}, {}]


def test_it_refuses_a_token_without_signature(compiler: Compiler) -> None:
    bare = pyjwt.encode({"sub": "a"}, "", algorithm="none")
    with pytest.raises(EvaluationError, match="unknown JWS algorithm"):
        verdict(compiler, bare, cert=public(_RSA))


@pytest.mark.parametrize(
    "constraints", [{}, {"cert": "a", "secret": "b"}, {"secret": "a", "other": 1}, {"cert": "no key"}, {"cert": 1}]
)
def test_it_refuses_constraints_it_cannot_keep(compiler: Compiler, constraints: Any) -> None:
    with pytest.raises(EvaluationError):
        verdict(compiler, token(_RSA, "RS256"), **constraints)
