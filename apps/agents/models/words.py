"""How names, tags, roles and permissions are spelled, so that a typing error is refused at the door."""

from collections.abc import Sized

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

MAX_ITEMS = 200

WORD = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z",
    "Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit.",
)
PERMISSION = RegexValidator(
    r"^(\*|[a-z0-9][a-z0-9_.-]*):(\*|[a-z][a-z_-]*)\Z",
    "A permission reads resource:verb in lower case; either side may be *.",
)
SHA256 = RegexValidator(r"^[0-9a-f]{64}\Z", "Use a SHA-256 digest: 64 hexadecimal digits in lower case.")
SERVER_NAME = RegexValidator(
    r"^[a-z0-9]+([-_][a-z0-9]+)*\Z",
    "Use lower-case letters and digits, with single hyphens or underscores between them.",
)


def bounded(items: Sized) -> None:
    """No list of an agent is longer than a person could have meant."""
    if len(items) > MAX_ITEMS:
        raise ValidationError(f"At most {MAX_ITEMS} items.")
