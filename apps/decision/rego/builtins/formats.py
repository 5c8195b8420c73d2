"""Text that stands for something: quantities with units, semantic versions, UUIDs."""

import re
import uuid
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.decision.rego.builtins.arguments import string
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import Value

_NUMBER: Final = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?(?![0-9])")
_BINARY: Final = {"ki": 1, "mi": 2, "gi": 3, "ti": 4, "pi": 5, "ei": 6}
_DECIMAL: Final = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_SEMVER: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_VARIANTS: Final = {
    uuid.RESERVED_NCS: "Reserved",
    uuid.RFC_4122: "RFC4122",
    uuid.RESERVED_MICROSOFT: "Microsoft",
    uuid.RESERVED_FUTURE: "Future",
}
_DOMAINS: Final = ("Person", "Group", "Org")


def _quantity(value: Value) -> tuple[Decimal, str]:
    text = string(value).replace('"', "")
    if " " in text:
        raise BuiltinError("spaces not allowed in resource strings")
    match = _NUMBER.match(text)
    # An exponent that no digits follow is a unit: 10E is ten exa.
    if match is None:
        raise BuiltinError("no amount provided")
    try:
        amount = Decimal(match.group(0))
    except InvalidOperation:
        raise BuiltinError("could not parse amount to a number") from None
    if abs(amount.adjusted()) > 400:
        raise BuiltinError("number out of range")
    return amount, text[match.end() :]


def _plain(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def units_parse(value: Value) -> int | float:
    amount, unit = _quantity(value)
    if unit == "m":
        return _plain(amount / 1000)
    name = unit.lower()
    if unit == "":
        return _plain(amount)
    if name in _BINARY:
        return _plain(amount * 1024 ** _BINARY[name])
    if name in _DECIMAL:
        return _plain(amount * 1000 ** _DECIMAL[name])
    raise BuiltinError("unit not recognized")


def units_parse_bytes(value: Value) -> int:
    amount, unit = _quantity(value)
    name = unit.lower().removesuffix("b") if unit.lower() != "b" else ""
    if name == "":
        return int(amount)
    if name in _BINARY:
        return int(amount * 1024 ** _BINARY[name])
    if name in _DECIMAL:
        return int(amount * 1000 ** _DECIMAL[name])
    raise BuiltinError("unit not recognized")


def _version(value: Value, position: int) -> re.Match[str]:
    match = _SEMVER.fullmatch(string(value, position).removeprefix("v"))
    if match is None:
        raise BuiltinError(f"operand {position}: string is not a valid SemVer")
    return match


def semver_compare(a: Value, b: Value) -> int:
    first, second = _version(a, 1), _version(b, 2)
    for part in (1, 2, 3):
        difference = int(first.group(part)) - int(second.group(part))
        if difference:
            return 1 if difference > 0 else -1
    return _compare_prerelease(first.group(4), second.group(4))


def _compare_prerelease(a: str | None, b: str | None) -> int:
    if a == b:
        return 0
    if a is None or b is None:
        return 1 if a is None else -1
    # Numbers come before words and compare as numbers; the shorter of two equal beginnings comes first.
    first, second = (
        [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in text.split(".")] for text in (a, b)
    )
    return (first > second) - (first < second)


def semver_is_valid(value: Value) -> bool:
    return type(value) is str and _SEMVER.fullmatch(value) is not None


def uuid_parse(value: Value) -> dict[Value, Value]:
    try:
        parsed = uuid.UUID(string(value))
    except ValueError:
        raise BuiltinError("invalid UUID") from None
    result: dict[Value, Any] = {"variant": _VARIANTS[parsed.variant], "version": parsed.bytes[6] >> 4}
    if result["version"] in (1, 2):
        first = parsed.bytes[10]
        scope = "local" if first & 2 else "global"
        result["nodeid"] = "-".join(f"{byte:02x}" for byte in parsed.bytes[10:])
        result["macvariables"] = f"{scope}:{'multicast' if first & 1 else 'unicast'}"
        result["clocksequence"] = parsed.clock_seq
        # 100 ns since 1582, less what lies before 1970.
        result["time"] = (parsed.time - 0x01B21DD213814000) * 100
    if result["version"] == 2:
        domain = parsed.bytes[9]
        result["id"] = parsed.time_low
        result["domain"] = _DOMAINS[domain] if domain < 3 else f"Domain{domain}"
    return result
