"""JSON Web Tokens: decoding, verification and signing with keys that the policy holds. No key is ever fetched."""

import hmac
import re
from collections.abc import Callable
from typing import Any, Final

import jwt as pyjwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import get_default_algorithms

from apps.decision.rego.builtins.arguments import obj, string
from apps.decision.rego.builtins.encoding import base64url_bytes, parse_json, text_of
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.support import Budget
from apps.decision.rego.values import Value, dump_json

_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
)
_CONSTRAINTS: Final = {"cert", "secret", "alg", "iss", "aud", "time"}


def _parts(token: Value) -> tuple[str, str, str]:
    parts = string(token).split(".")
    if len(parts) != 3:
        raise BuiltinError("encoded JWT must have 3 sections")
    return parts[0], parts[1], parts[2]


def _section(text: str) -> Any:
    value = parse_json(text_of(base64url_bytes(text)))
    if type(value) is not dict:
        raise BuiltinError("a section of the JWT is not an object")
    return value


def decode(token: Value) -> list[Value]:
    header, payload, signature = _parts(token)
    head = _section(header)
    if head.get("enc") is not None:
        raise BuiltinError("JWT is a JWE object, which is not supported")
    if str(head.get("cty", "")).upper() == "JWT":
        return decode(text_of(base64url_bytes(payload)).strip('"'))
    return [head, _section(payload), base64url_bytes(signature).hex()]


def verifier(algorithm: str) -> Callable[[Value, Value], bool]:
    def verify(token: Value, key: Value) -> bool:
        header, payload, signature = _parts(token)
        keys = _keys(string(key, 2), algorithm, None)
        return _verified(algorithm, keys, f"{header}.{payload}".encode(), base64url_bytes(signature))

    return verify


def _verified(algorithm: str, keys: list[Any], signed: bytes, signature: bytes) -> bool:
    method = get_default_algorithms()[algorithm]
    for key in keys:
        try:
            if algorithm.startswith("HS"):
                digest = hmac.new(key, signed, f"sha{algorithm[2:]}").digest()
                if hmac.compare_digest(digest, signature):
                    return True
            elif method.verify(signed, method.prepare_key(key), signature):
                return True
        except (InvalidSignature, pyjwt.PyJWTError, TypeError, ValueError, UnsupportedAlgorithm):
            continue
    return False


def _keys(text: str, algorithm: str, kid: Any) -> list[Any]:
    """The keys in a secret, a certificate or public key in PEM, a JWK or a set of JWKs."""
    if algorithm.startswith("HS"):
        return [text.encode("utf-8", "surrogatepass")]
    if "-----BEGIN" in text:
        return _pem_keys(text)
    document = parse_json(text)
    entries = document.get("keys", [document]) if type(document) is dict else []
    chosen = [entry for entry in entries if kid is not None and entry.get("kid") == kid] or entries
    keys = []
    for entry in chosen:
        try:
            keys.append(pyjwt.PyJWK(entry, algorithm=algorithm).key)
        except (pyjwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue
    if not keys:
        raise BuiltinError("failed to parse a JWK key")
    return keys


def _pem_keys(text: str) -> list[Any]:
    blocks = re.findall(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", text, re.DOTALL)
    try:
        if blocks and blocks[0] == "CERTIFICATE":
            return [certificate.public_key() for certificate in x509.load_pem_x509_certificates(text.encode())]
        return [serialization.load_pem_public_key(text.encode())]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BuiltinError("failed to parse a PEM certificate or key") from None


def decode_verify(budget: Budget, token: Value, constraints: Value) -> list[Value]:
    """`[valid, header, payload]`; the last two are empty unless the token is valid in every way asked for."""
    wanted = obj(constraints, 2)
    if unknown := wanted.keys() - _CONSTRAINTS:
        raise BuiltinError(f"unknown token validation constraint: {next(iter(unknown))}")
    if ("cert" in wanted) == ("secret" in wanted):
        raise BuiltinError("exactly one of cert and secret is needed")
    for name in wanted.keys() - {"time"}:
        string(wanted[name], 2)
    moment = wanted.get("time", budget.now_ns)
    if type(moment) not in (int, float):
        raise BuiltinError("token time constraint must be a number")
    invalid: list[Value] = [False, {}, {}]
    header, payload, signature = _parts(token)
    head = _section(header)
    if head.get("enc") is not None or head.get("crit") is not None:
        return invalid
    algorithm = head.get("alg")
    if type(algorithm) is not str:
        return invalid
    if algorithm not in _ALGORITHMS:
        raise BuiltinError("unknown JWS algorithm")
    if "alg" in wanted and wanted["alg"] != algorithm:
        return invalid
    if ("secret" in wanted) != algorithm.startswith("HS"):
        return invalid
    keys = _keys(string(wanted.get("secret", wanted.get("cert")), 2), algorithm, head.get("kid"))
    if not _verified(algorithm, keys, f"{header}.{payload}".encode(), base64url_bytes(signature)):
        return invalid
    if str(head.get("cty", "")).upper() == "JWT":
        return decode_verify(budget, text_of(base64url_bytes(payload)).strip('"'), constraints)
    body = _section(payload)
    return [True, head, body] if _claims_hold(body, wanted, moment) else invalid


def _claims_hold(body: dict[Value, Value], wanted: dict[Value, Value], moment: int | float) -> bool:
    if "iss" in wanted and body.get("iss") != wanted["iss"]:
        return False
    audience = body.get("aud")
    if "aud" in wanted:
        given = audience if type(audience) is list else [audience]
        if wanted["aud"] not in given:
            return False
    elif audience is not None:
        return False
    for name in ("exp", "nbf"):
        claim = body.get(name)
        if claim is None:
            continue
        if type(claim) not in (int, float):
            raise BuiltinError(f"{name} value must be a number")
        if (moment >= claim * 10**9) if name == "exp" else (moment < claim * 10**9):
            return False
    return True


def encode_sign(headers: Value, payload: Value, key: Value) -> str:
    return _signed(dump_json(obj(headers, 1)), dump_json(obj(payload, 2)), obj(key, 3))


def encode_sign_raw(headers: Value, payload: Value, key: Value) -> str:
    return _signed(string(headers, 1), string(payload, 2), parse_json(string(key, 3)))


def _signed(header: str, payload: str, key: Value) -> str:
    head = parse_json(header)
    algorithm = head.get("alg") if type(head) is dict else None
    if algorithm not in _ALGORITHMS:
        raise BuiltinError("unknown signature algorithm")
    if str(head.get("typ", "")).upper() == "JWT":
        parse_json(payload)
    method = get_default_algorithms()[algorithm]
    try:
        private = pyjwt.PyJWK(key, algorithm=algorithm).key
        signing_input = b".".join(pyjwt.utils.base64url_encode(text.encode()) for text in (header, payload))
        signature = method.sign(signing_input, private)
    except (pyjwt.PyJWTError, TypeError, ValueError, AttributeError):
        raise BuiltinError("the key cannot sign this token") from None
    return f"{signing_input.decode()}.{pyjwt.utils.base64url_encode(signature).decode()}"
