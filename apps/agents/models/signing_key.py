"""A tenant's token signing key. The private half is stored sealed; the public half is what the world may see."""

from django.db import models
from django.utils import timezone


class KeyState(models.TextChoices):
    NEXT = "next", "next"  # published ahead of use, signs nothing yet
    ACTIVE = "active", "active"  # signs new tokens; exactly one
    RETIRING = "retiring", "retiring"  # signs nothing, its tokens are good until `retires_at`
    RETIRED = "retired", "retired"  # worthless


class SigningKey(models.Model):
    kid = models.CharField(max_length=64, primary_key=True, editable=False)
    public_pem = models.TextField(editable=False)
    private_sealed = models.BinaryField(editable=False)
    state = models.CharField(max_length=16, choices=KeyState.choices)
    created_at = models.DateTimeField(default=timezone.now)
    activated_at = models.DateTimeField(null=True, blank=True)
    retires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "kid")
        constraints = (
            models.UniqueConstraint(
                fields=("state",), condition=models.Q(state=KeyState.ACTIVE), name="one_active_signing_key"
            ),
            models.UniqueConstraint(
                fields=("state",), condition=models.Q(state=KeyState.NEXT), name="one_next_signing_key"
            ),
        )

    def __str__(self) -> str:
        return self.kid
