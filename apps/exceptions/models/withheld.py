"""A result that was withheld, kept until a person has decided and the agent has fetched it."""

from typing import ClassVar

from django.db import models

from apps.exceptions.models.escalation import Escalation


class WithheldResult(models.Model):
    """All three are sealed, and the row is removed once nobody may have it any more. Secrets that are to be redacted
    are so in all of them; `shown` has none at all."""

    escalation = models.OneToOneField(
        Escalation, on_delete=models.CASCADE, primary_key=True, related_name="withheld", editable=False
    )
    original = models.BinaryField(null=True, editable=False)  # null where it was too large to keep
    sanitised = models.BinaryField(editable=False)
    shown = models.BinaryField(editable=False)  # what a person is shown of both

    class Meta:
        ordering: ClassVar = ["escalation"]

    def __str__(self) -> str:
        return f"result of {self.escalation_id}"
