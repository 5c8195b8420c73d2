"""A row's own rules, with their complaints in the shape that every door shows."""

from django.core.exceptions import ValidationError
from django.db.models import Model

from apps.decision.errors import BadInput


def check(row: Model, *, unique: bool = True) -> None:
    """Raises BadInput with a message per field."""
    try:
        row.full_clean(validate_unique=unique)
    except ValidationError as error:
        fields = {name: " ".join(messages) for name, messages in error.message_dict.items()}
        raise BadInput("Some fields are not valid.", fields=fields) from None
