"""Text encodings and digests."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from apps.decision.rego.builtins.arguments import bounded_text, items, obj, string
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.plan import read_number
from apps.decision.rego.values import RegoSet, Value, dump_json, entries, json_key, members, thaw

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")


def octets(value: Value, position: int = 1) -> bytes:
    return string(value, position).encode("utf-8", "surrogatepass")


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def base64_encode(value: Value) -> str:
    return base64.b64encode(octets(value)).decode()


def base64_decode(value: Value) -> str:
    text = re.sub(r"[\r\n]", "", string(value))
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise BuiltinError("illegal base64 data")
    return text_of(base64.b64decode(text))


def base64_is_valid(value: Value) -> bool:
    text = re.sub(r"[\r\n]", "", string(value))
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def base64url_encode(value: Value) -> str:
    return base64.urlsafe_b64encode(octets(value)).decode()


def base64url_encode_no_pad(value: Value) -> str:
    return base64url_encode(value).rstrip("=")


def base64url_bytes(text: str) -> bytes:
    bare = re.sub(r"[\r\n]", "", text)
    if not _BASE64URL.fullmatch(bare) or ("=" in bare and len(bare) % 4):
        raise BuiltinError("illegal base64 data")
    bare = bare.rstrip("=")
    if len(bare) % 4 == 1:
        raise BuiltinError("illegal base64 data")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def base64url_decode(value: Value) -> str:
    return text_of(base64url_bytes(string(value)))


def hex_encode(value: Value) -> str:
    return octets(value).hex()


def hex_decode(value: Value) -> str:
    try:
        return text_of(binascii.unhexlify(string(value)))
    except (binascii.Error, ValueError):
        raise BuiltinError("invalid hex") from None


def url_encode(value: Value) -> str:
    return quote_plus(octets(value), safe="-_.~")


def url_decode(value: Value) -> str:
    text = string(value)
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise BuiltinError("invalid URL escape")
    return unquote_plus(text, errors="replace")


def url_encode_object(value: Value) -> str:
    pairs = []
    for key, found in entries(obj(value)):
        name = quote_plus(octets(thaw(key)), safe="-_.~")
        texts = [found] if type(found) is str else items(found)
        pairs += [f"{name}={quote_plus(octets(text), safe='-_.~')}" for text in texts]
    return "&".join(pairs)


def url_decode_object(value: Value) -> dict[Value, Value]:
    result: dict[Value, Value] = {}
    for pair in string(value).split("&"):
        if pair:
            name, _, text = pair.partition("=")
            result.setdefault(url_decode(name), []).append(url_decode(text))
    return result


def json_marshal(value: Value) -> str:
    text = dump_json(value)
    bounded_text(len(text))
    # Go's encoder writes these three as escapes, so that JSON can stand inside HTML.
    return (
        text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") if set(text) & {*"&<>"} else text
    )


def json_marshal_with(value: Value, options: Value) -> str:
    chosen = obj(options, 2)
    pretty = chosen.get("pretty", "indent" in chosen or "prefix" in chosen)
    if not pretty:
        return json_marshal(value)
    indent, prefix = string(chosen.get("indent", "\t"), 2), string(chosen.get("prefix", ""), 2)
    text = json.dumps(_sorted(value), indent=indent, ensure_ascii=False)
    bounded_text(len(text) + text.count("\n") * len(prefix))
    return prefix + text.replace("\n", "\n" + prefix) if prefix else text


def _sorted(value: Value) -> Any:
    if type(value) is list:
        return [_sorted(item) for item in value]
    if type(value) is RegoSet:
        return [_sorted(item) for item in members(value)]
    if type(value) is dict:
        return dict(sorted((json_key(key), _sorted(item)) for key, item in value.items()))
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 1e21 else value


def _refuse(text: str) -> Value:
    raise ValueError(text)


def parse_json(text: str) -> Value:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=read_number)
    except (ValueError, RecursionError):
        raise BuiltinError("invalid JSON") from None


def json_unmarshal(value: Value) -> Value:
    return parse_json(string(value))


def json_is_valid(value: Value) -> bool:
    if type(value) is not str:
        return False
    try:
        parse_json(value)
    except BuiltinError:
        return False
    return True


def md5(value: Value) -> str:
    return hashlib.md5(octets(value), usedforsecurity=False).hexdigest()


def sha1(value: Value) -> str:
    return hashlib.sha1(octets(value), usedforsecurity=False).hexdigest()


def sha256(value: Value) -> str:
    return hashlib.sha256(octets(value)).hexdigest()


def _hmac(name: str, value: Value, key: Value) -> str:
    return hmac.new(octets(key, 2), octets(value, 1), name).hexdigest()


def hmac_md5(value: Value, key: Value) -> str:
    return _hmac("md5", value, key)


def hmac_sha1(value: Value, key: Value) -> str:
    return _hmac("sha1", value, key)


def hmac_sha256(value: Value, key: Value) -> str:
    return _hmac("sha256", value, key)


def hmac_sha512(value: Value, key: Value) -> str:
    return _hmac("sha512", value, key)


def hmac_equal(a: Value, b: Value) -> bool:
    return hmac.compare_digest(octets(a, 1), octets(b, 2))
