"""Go's way to write a date's layout: by example, with the moment 2006-01-02 15:04:05 in zone MST (-0700)."""

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from apps.decision.rego.errors import BuiltinError

LAYOUTS: Final[Mapping[str, str]] = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
}
_TOKEN: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|__2|002"
    r"|[.,](?:0+|9+)(?![0-9])|01|02|03|04|05|06|15|_2|PM|pm|1|2|3|4|5"
)
_MONTHS: Final = [name.lower() for name in calendar.month_name]
_SHORT_MONTHS: Final = [name.lower() for name in calendar.month_abbr]
_NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "2006": ("year", r"\d{4}"),
    "06": ("short_year", r"\d{2}"),
    "01": ("month", r"\d{2}"),
    "1": ("month", r"\d{1,2}"),
    "02": ("day", r"\d{2}"),
    "_2": ("day", r" ?\d{1,2}"),
    "2": ("day", r"\d{1,2}"),
    "15": ("hour", r"\d{1,2}"),
    "03": ("hour12", r"\d{2}"),
    "3": ("hour12", r"\d{1,2}"),
    "04": ("minute", r"\d{2}"),
    "4": ("minute", r"\d{1,2}"),
    "05": ("second", r"\d{2}"),
    "5": ("second", r"\d{1,2}"),
    "002": ("yearday", r"\d{3}"),
    "__2": ("yearday", r" {0,2}\d{1,3}"),
}


def parse(layout: str, text: str) -> tuple[datetime, int]:
    """The moment to the second, and its nanoseconds."""
    match = re.fullmatch(_pattern(layout), text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise BuiltinError("cannot parse the time")
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    numbers = {name: int(found[name]) for name, _ in _NUMBERS.values() if name in found}
    year = numbers.get("year", 0)
    if "short_year" in numbers:
        year = numbers["short_year"] + (1900 if numbers["short_year"] >= 69 else 2000)
    month = numbers.get("month", 1)
    if "monthname" in found:
        name = found["monthname"].lower()
        month = (_MONTHS if name in _MONTHS else _SHORT_MONTHS).index(name)
    hour = numbers.get("hour", 0)
    if "hour12" in numbers:
        hour = numbers["hour12"] % 12 if "half" in found else numbers["hour12"]
        hour += 12 if found.get("half", "").lower() == "pm" else 0
    fraction = (found.get("fraction") or found.get("loose") or "0").lstrip(".,")[:9].ljust(9, "0")
    try:
        zone = _offset(found.get("offset", ""))
        # Go's year 0 is outside of what fits nanoseconds anyway, so any error will do.
        moment = datetime(
            year, month, numbers.get("day", 1), hour, numbers.get("minute", 0), numbers.get("second", 0), 0, zone
        )
        if "yearday" in numbers:
            moment = moment.replace(month=1, day=1) + timedelta(days=numbers["yearday"] - 1)
    except (ValueError, OverflowError):
        raise BuiltinError("time outside of valid range") from None
    return moment, int(fraction)


def _offset(text: str) -> timezone:
    digits = re.sub(r"[^0-9]", "", text)
    if not digits:
        return UTC
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0), seconds=int(digits[4:6] or 0))
    return timezone(-span if text.startswith("-") else span)


def _pattern(layout: str) -> str:
    parts: list[str] = []
    seen: set[str] = set()
    at = 0

    def group(name: str, inside: str) -> str:
        first = name not in seen
        seen.add(name)
        return f"(?P<{name}>{inside})" if first else f"(?:{inside})"

    for match in _TOKEN.finditer(layout):
        parts.append(re.escape(layout[at : match.start()]))
        at = match.end()
        sign = match.group(0)
        if sign in _NUMBERS:
            parts.append(group(*_NUMBERS[sign]))
            if sign in ("05", "5") and not re.match(r"[.,][09]", layout[at:]):
                # A fraction is read after seconds even where the layout names none.
                parts.append(group("loose", r"[.,]\d+") + "?")
        elif sign in ("January", "Jan"):
            names = calendar.month_name if sign == "January" else calendar.month_abbr
            parts.append(group("monthname", "|".join(names[1:])))
        elif sign in ("Monday", "Mon"):
            parts.append("(?:" + "|".join(calendar.day_name if sign == "Monday" else calendar.day_abbr) + ")")
        elif sign in ("PM", "pm"):
            parts.append(group("half", "AM|PM"))
        elif sign == "MST":
            parts.append("(?:[A-Z]{3,4}|[+-][0-9]{2})")
        elif sign[0] in ".,":
            parts.append(
                group("fraction", rf"[.,]\d{{{len(sign) - 1}}}")
                if sign[1] == "0"
                else group("fraction", r"[.,]\d+") + "?"
            )
        else:
            parts.append(group("offset", _offset_pattern(sign)))
    parts.append(re.escape(layout[at:]))
    return "".join(parts)


def _offset_pattern(sign: str) -> str:
    inside = r"[-+]" + re.sub(r"[0-9]{2}", r"\\d{2}", sign[1:])
    return f"Z|{inside}" if sign[0] == "Z" else inside


_WRITERS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "2006": lambda m: f"{m.year:04d}",
    "06": lambda m: f"{m.year % 100:02d}",
    "01": lambda m: f"{m.month:02d}",
    "1": lambda m: str(m.month),
    "January": lambda m: calendar.month_name[m.month],
    "Jan": lambda m: calendar.month_abbr[m.month],
    "Monday": lambda m: calendar.day_name[m.weekday()],
    "Mon": lambda m: calendar.day_abbr[m.weekday()],
    "02": lambda m: f"{m.day:02d}",
    "_2": lambda m: f"{m.day:2d}",
    "2": lambda m: str(m.day),
    "002": lambda m: f"{m.timetuple().tm_yday:03d}",
    "__2": lambda m: f"{m.timetuple().tm_yday:3d}",
    "15": lambda m: f"{m.hour:02d}",
    "03": lambda m: f"{(m.hour - 1) % 12 + 1:02d}",
    "3": lambda m: str((m.hour - 1) % 12 + 1),
    "04": lambda m: f"{m.minute:02d}",
    "4": lambda m: str(m.minute),
    "05": lambda m: f"{m.second:02d}",
    "5": lambda m: str(m.second),
    "PM": lambda m: "PM" if m.hour >= 12 else "AM",
    "pm": lambda m: "pm" if m.hour >= 12 else "am",
    "MST": lambda m: m.tzname() or "UTC",
}


def render(layout: str, moment: datetime, nanoseconds: int) -> str:
    def write(match: re.Match[str]) -> str:
        sign = match.group(0)
        if sign in _WRITERS:
            return _WRITERS[sign](moment)
        if sign[0] in ".,":
            digits = f"{nanoseconds:09d}"[: len(sign) - 1]
            if sign[1] == "9":
                digits = digits.rstrip("0")
            return sign[0] + digits if digits else ""
        span = moment.utcoffset() or timedelta()
        if sign[0] == "Z" and not span:
            return "Z"
        seconds = int(abs(span.total_seconds()))
        colon = ":" if ":" in sign else ""
        parts = [f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}"]
        wanted = len(re.sub(r"[^0-9]", "", sign)) // 2
        return ("-" if span < timedelta() else "+") + colon.join(parts[:wanted])

    return _TOKEN.sub(write, layout)
