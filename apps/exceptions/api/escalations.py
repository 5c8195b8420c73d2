"""REST: the calls that wait for a person, and the person's word. Looking is for viewers, deciding for analysts."""

from typing import Any
from uuid import UUID

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import BadInput, NotFound
from apps.decision.types import JSON
from apps.exceptions.models import Escalation, EscalationSetting, EscalationStatus, Resolution
from apps.exceptions.services import escalation_settings, resolutions, withheld
from apps.policies.models import SourceRule
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least

FILTERS = {"tool": "tool_name", "server": "mcp_server"}
# A key that is unique: the time in digits of equal number, then the id.
_EXPIRY = Concat(
    Func(F("expires_at"), Value("YYYYMMDDHH24MISSUS"), function="to_char", output_field=TextField()),
    Cast("id", TextField()),
    output_field=TextField(),
)
CHOICES = {"status": EscalationStatus.values, "subject": Escalation.Subject.values, "order": ["newest", "expiry"]}


class EscalationSerializer(serializers.ModelSerializer[Escalation]):
    status = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField(help_text="Until it expires; null when nobody is asked any more.")

    class Meta:
        model = Escalation
        fields = (
            "id", "subject", "status", "seconds_left", "event_id", "agent_id", "agent_name", "session_id",
            "requester_id", "requester_channel", "mcp_server", "method", "tool_name", "action", "resource", "arguments",
            "findings", "inbound", "verdicts", "policy_id", "reason", "risk_tier", "input_hash", "tool_digest",
            "rulebook_version", "created_at", "expires_at", "resolution", "resolved_by", "resolved_at", "note",
            "usable_until", "used_at", "used_event_id",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=EscalationStatus.choices))
    def get_status(self, row: Escalation) -> str:
        return row.status_at(timezone.now()).value

    def get_seconds_left(self, row: Escalation) -> int | None:
        return row.seconds_left(timezone.now())


class PassageSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    original = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Pieces of [kind, name, text]; the kind is text, injection, secret or gap.",
    )
    sanitised = serializers.CharField()


class ShownResultSerializer(serializers.Serializer[Any]):
    """What a person is shown of a withheld result. No secrets; `original` and `sanitised` are cut where long."""

    searched = serializers.BooleanField(help_text="False: it could not be searched for secrets, so nothing is shown.")
    passages = PassageSerializer(many=True)
    original = serializers.JSONField(allow_null=True)
    sanitised = serializers.JSONField(allow_null=True)


class OneEscalationSerializer(EscalationSerializer):
    result = serializers.SerializerMethodField(help_text="Of subject `inbound`, as long as the result is kept.")

    class Meta(EscalationSerializer.Meta):
        fields = (*EscalationSerializer.Meta.fields, "result")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(ShownResultSerializer(allow_null=True))
    def get_result(self, row: Escalation) -> JSON:
        return withheld.shown_of(row) if row.subject == Escalation.Subject.INBOUND else None


class EscalationPage(serializers.Serializer[Any]):
    results = EscalationSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SourceInput(StrictMixin, serializers.Serializer[Any]):
    """A host that the result names (`inbound.domains`), a domain or wildcard that covers one, or its MCP server."""

    kind = serializers.ChoiceField(choices=SourceRule.Kind.choices)
    pattern = serializers.CharField(max_length=253)


class ResolutionInput(StrictMixin, serializers.Serializer[Any]):
    resolution = serializers.ChoiceField(choices=Resolution.choices)
    note = serializers.CharField(max_length=resolutions.MAX_NOTE, required=False, allow_blank=True, default="")
    source = SourceInput(required=False, help_text="Goes with `block_source`.")  # type: ignore[assignment]


class EscalationSettingSerializer(serializers.ModelSerializer[EscalationSetting]):
    class Meta:
        model = EscalationSetting
        fields = escalation_settings.NAMES
        read_only_fields = fields


class EscalationSettingInput(StrictMixin, serializers.Serializer[Any]):
    """Seconds."""

    low_seconds = serializers.IntegerField(required=False)
    medium_seconds = serializers.IntegerField(required=False)
    high_seconds = serializers.IntegerField(required=False)
    critical_seconds = serializers.IntegerField(required=False)
    hold_seconds = serializers.IntegerField(required=False)
    use_seconds = serializers.IntegerField(required=False)


class EscalationsView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="escalations_list",
        parameters=[
            OpenApiParameter("status", str, enum=CHOICES["status"]),
            OpenApiParameter("agent", str, description="The agent's id."),
            OpenApiParameter("tool", str),
            OpenApiParameter("server", str),
            OpenApiParameter("subject", str, enum=CHOICES["subject"]),
            OpenApiParameter(
                "order", str, enum=CHOICES["order"], description="`expiry`: those that wait, the least time left first."
            ),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=EscalationPage,
    )
    def get(self, request: Request) -> Response:
        rows = Escalation.objects.all()
        for name, column in FILTERS.items():
            if text := text_of(request, name):
                rows = rows.filter(**{column: text})
        if agent := text_of(request, "agent"):
            try:
                rows = rows.filter(agent_id=str(UUID(agent)))
            except ValueError:
                raise BadInput("agent must be a UUID", fields={"agent": "Give the id of an agent."}) from None
        if subject := _choice(request, "subject"):
            rows = rows.filter(subject=subject)
        by_expiry = _choice(request, "order") == "expiry"
        if status := _choice(request, "status") or (EscalationStatus.PENDING if by_expiry else ""):
            rows = rows.of_status(status, timezone.now())
        if by_expiry:
            page = KeysetPage.of(request, rows.annotate(expiry=_EXPIRY), key="expiry", descending=False)
        else:
            page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: EscalationSerializer(found, many=True).data))


class EscalationView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="escalations_get", responses=OneEscalationSerializer)
    def get(self, request: Request, escalation_id: UUID) -> Response:
        row = Escalation.objects.filter(pk=escalation_id).first()
        if row is None:
            raise NotFound("There is no such escalation.")
        return Response(OneEscalationSerializer(row).data)


class ResolveView(APIView):
    permission_classes = (at_least(Role.ANALYST),)

    @extend_schema(operation_id="escalations_resolve", request=ResolutionInput, responses=EscalationSerializer)
    def post(self, request: Request, escalation_id: UUID) -> Response:
        given = ResolutionInput(data=request.data)
        given.is_valid(raise_exception=True)
        said = dict(given.validated_data)
        source = resolutions.Source(**said.pop("source")) if "source" in said else None
        row = resolutions.resolve(escalation_id, actor=actor_of(request), source=source, **said)
        return Response(EscalationSerializer(row).data)


class EscalationSettingView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="escalation_settings_get", responses=EscalationSettingSerializer)
    def get(self, request: Request) -> Response:
        return Response(EscalationSettingSerializer(escalation_settings.setting()).data)

    @extend_schema(
        operation_id="escalation_settings_update",
        request=EscalationSettingInput,
        responses=EscalationSettingSerializer,
    )
    def patch(self, request: Request) -> Response:
        given = EscalationSettingInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = escalation_settings.configure_escalations(actor=actor_of(request), changes=given.validated_data)
        return Response(EscalationSettingSerializer(row).data)


def _choice(request: Request, name: str) -> str:
    """A filter of the query string that knows only some words; "" when it is not there."""
    text = request.query_params.get(name, "")
    if text and text not in CHOICES[name]:
        known = ", ".join(CHOICES[name])
        raise BadInput(f"{name} must be one of {known}", fields={name: f"Use one of: {known}."})
    return text
