"""An MCP server that agents may reach through the gateway. Its environment and headers are stored sealed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.agents.models.words import SERVER_NAME, WORD
from apps.audit.ids import new_id


class Transport(models.TextChoices):
    HTTP = "http", "http"
    STDIO = "stdio", "stdio"


class McpServer(models.Model):
    """`environment_names` and `header_names` say what is set; the values leave their columns for gateways only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=63, unique=True, validators=[SERVER_NAME])
    kind = models.CharField(max_length=50, default="generic", validators=[WORD])
    description = models.TextField(blank=True, default="")
    transport = models.CharField(max_length=8, choices=Transport.choices)
    url = models.CharField(max_length=2000, blank=True, default="")
    command: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list, blank=True)
    environment_sealed = models.BinaryField(null=True, blank=True, editable=False)
    environment_names: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, editable=False
    )
    headers_sealed = models.BinaryField(null=True, blank=True, editable=False)
    header_names: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, editable=False
    )
    tool_actions = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name = "MCP server"

    def __str__(self) -> str:
        return self.name
