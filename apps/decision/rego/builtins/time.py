"""Dates and times. The present is an argument of the evaluation; layouts are Go's, zones are IANA's."""

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from apps.decision.rego.builtins.arguments import integer, string, wrong
from apps.decision.rego.builtins.layouts import LAYOUTS, parse, render
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.support import Budget
from apps.decision.rego.values import Value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_NS, _MAX_NS = -(1 << 63), (1 << 63) - 1
_DURATION: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def now_ns(budget: Budget) -> int:
    return budget.now_ns


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    if name == "Local":
        raise BuiltinError("there is no local time here")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise BuiltinError("unknown time zone") from None


def _range(value: int) -> int:
    if not _MIN_NS <= value <= _MAX_NS:
        raise BuiltinError("time outside of valid range")
    return value


def _from_ns(value: int, where: tzinfo) -> tuple[datetime, int]:
    """The moment to the second, and its nanoseconds."""
    seconds, rest = divmod(_range(value), 10**9)
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(where), rest


def _to_ns(moment: datetime, rest: int) -> int:
    span = moment - _EPOCH
    return _range((span.days * 86_400 + span.seconds) * 10**9 + rest)


def _moment(value: Value, position: int = 1) -> tuple[datetime, int]:
    if type(value) is list:
        if not 2 <= len(value) <= 3:
            wrong(position, "a pair of number and time zone", value)
        return _from_ns(integer(value[0], position), zone(string(value[1], position)))
    return _from_ns(integer(value, position), UTC)


def date(value: Value) -> list[int]:
    moment, _ = _moment(value)
    return [moment.year, moment.month, moment.day]


def clock(value: Value) -> list[int]:
    moment, _ = _moment(value)
    return [moment.hour, moment.minute, moment.second]


def weekday(value: Value) -> str:
    return calendar.day_name[_moment(value)[0].weekday()]


def _shifted(year: int, month: int, day: int, moment: datetime) -> datetime:
    """Go's normalisation: the 31st of a month of 30 days is the 1st of the next."""
    carry, month0 = divmod(month - 1, 12)
    try:
        start = moment.replace(year=year + carry, month=month0 + 1, day=1)
        return start + timedelta(days=day - 1)
    except (ValueError, OverflowError):
        raise BuiltinError("time outside of valid range") from None


def add_date(value: Value, years: Value, months: Value, days: Value) -> int:
    moment, rest = _moment(value)
    year, month, day = integer(years, 2), integer(months, 3), integer(days, 4)
    return _to_ns(_shifted(moment.year + year, moment.month + month, moment.day + day, moment), rest)


def diff(a: Value, b: Value) -> list[int]:
    (first, first_rest), (second, second_rest) = _moment(a, 1), _moment(b, 2)
    second = second.astimezone(first.tzinfo)
    if (first, first_rest) > (second, second_rest):
        first, first_rest, second, second_rest = second, second_rest, first, first_rest
    parts = [
        getattr(second, name) - getattr(first, name) for name in ("year", "month", "day", "hour", "minute", "second")
    ]
    parts[5] -= second_rest < first_rest
    for index, size in ((5, 60), (4, 60), (3, 24)):
        if parts[index] < 0:
            parts[index] += size
            parts[index - 1] -= 1
    if parts[2] < 0:
        parts[2] += calendar.monthrange(first.year, first.month)[1]
        parts[1] -= 1
    if parts[1] < 0:
        parts[1] += 12
        parts[0] -= 1
    return parts


def parse_ns(layout: Value, text: Value) -> int:
    name = string(layout, 1)
    moment, rest = parse(LAYOUTS.get(name, name), string(text, 2))
    return _to_ns(moment, rest)


def parse_rfc3339_ns(text: Value) -> int:
    return _to_ns(*parse(LAYOUTS["RFC3339"], string(text)))


def parse_duration_ns(text: Value) -> int:
    whole = string(text)
    bare = whole.lstrip("+-") if whole[:1] in ("+", "-") else whole
    if bare == "0":
        return 0
    total, at = 0, 0
    while at < len(bare) and (match := _DURATION.match(bare, at)):
        number, unit = match.groups()
        head, _, tail = number.partition(".")
        total += int(head or 0) * _UNITS[unit] + (int(tail) * _UNITS[unit] // 10 ** len(tail) if tail else 0)
        at = match.end()
    if at < len(bare) or not bare or len(whole) - len(bare) > 1:
        raise BuiltinError("invalid duration")
    return _range(-total if whole.startswith("-") else total)


def format_time(value: Value) -> str:
    layout = LAYOUTS["RFC3339Nano"]
    if type(value) is list and len(value) == 3:
        name = string(value[2], 1)
        layout = LAYOUTS.get(name, name)
    moment, rest = _moment(value)
    return render(layout, moment, rest)
