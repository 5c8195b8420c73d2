"""REST: exceptions. Viewers look and try out; who may write policies may grant, extend and revoke."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.audit import documents
from apps.audit.api import EntryPageSerializer
from apps.decision.errors import BadInput, NotFound
from apps.decision.exceptions import MAX_RESOURCE, MAX_TOOL
from apps.exceptions.models import ExceptionGrant, ExceptionState, Urgency
from apps.exceptions.models.grant import in_state
from apps.exceptions.services import grants, preview, uses
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least


class ExceptionSerializer(serializers.ModelSerializer[ExceptionGrant]):
    state = serializers.SerializerMethodField()
    urgency = serializers.ChoiceField(choices=Urgency.choices)

    class Meta:
        model = ExceptionGrant
        fields = (
            "id", "agent_id", "agent_name", "mcp_server", "tool", "resource", "justification", "state", "urgency",
            "created_by", "created_at", "expires_at", "extension_count", "max_extensions", "revoked_at", "revoked_by",
            "use_count", "last_used_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=ExceptionState.choices))
    def get_state(self, grant: ExceptionGrant) -> str:
        return grant.state(timezone.now()).value


class ExceptionPage(serializers.Serializer[Any]):
    results = ExceptionSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class _Patterns(StrictMixin, serializers.Serializer[Any]):
    agent_id = serializers.UUIDField()
    mcp_server = serializers.CharField(
        max_length=63, required=False, allow_blank=True, default="", help_text="Every server where it is empty."
    )
    tool = serializers.CharField(
        max_length=MAX_TOOL, help_text="A glob; for a message that is no tool call its method."
    )
    resource = serializers.CharField(max_length=MAX_RESOURCE, help_text="Globs, one per line; all reached is covered.")


class ExceptionInput(_Patterns):
    justification = serializers.CharField(
        min_length=grants.MIN_JUSTIFICATION, max_length=grants.MAX_JUSTIFICATION, help_text="Why; goes into the log."
    )
    expires_in_hours = serializers.IntegerField(min_value=1, max_value=grants.MAX_HOURS)
    max_extensions = serializers.IntegerField(
        required=False, default=grants.DEFAULT_EXTENSIONS, min_value=0, max_value=grants.MAX_EXTENSIONS
    )


class ExtensionInput(StrictMixin, serializers.Serializer[Any]):
    hours = serializers.IntegerField(
        required=False, default=grants.DEFAULT_EXTENSION, min_value=1, max_value=grants.MAX_HOURS
    )


class RevocationInput(StrictMixin, serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=grants.MAX_REASON)


class PreviewInput(_Patterns):
    last = serializers.IntegerField(
        required=False, default=1_000, min_value=1, max_value=preview.MOST, help_text="How many of the agent's calls."
    )


class CoveredSerializer(serializers.Serializer[Any]):
    event_id = serializers.UUIDField(source="entry.id")
    seq = serializers.IntegerField(source="entry.seq")
    timestamp = serializers.DateTimeField(source="entry.timestamp")
    mcp_server = serializers.CharField(source="entry.mcp_server")
    tool_name = serializers.CharField(source="entry.tool_name")
    target = serializers.CharField(source="entry.target")
    policy_result = serializers.CharField(source="entry.policy_result")
    policy_id = serializers.CharField(source="entry.policy_id")
    would = serializers.ChoiceField(
        choices=[would.value for would in preview.Would],
        help_text="allow: let it pass; nothing: it passed anyway; stay: no exception loosens that refusal.",
    )
    sure = serializers.BooleanField(help_text="Judged by the call's kept input; else by tool and target alone.")


class PreviewSerializer(serializers.Serializer[Any]):
    looked_at = serializers.IntegerField()
    covered = serializers.IntegerField()
    would_allow = serializers.IntegerField()
    would_change_nothing = serializers.IntegerField()
    would_stay_refused = serializers.IntegerField()
    results = CoveredSerializer(many=True, help_text=f"Newest first, at most {preview.SHOWN}.")


class ExceptionsView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else grants.WRITE_ROLE)()]

    @extend_schema(
        operation_id="exceptions_list",
        parameters=[
            OpenApiParameter("agent", str, description="The agent's id."),
            OpenApiParameter("tool", str, description="The pattern as it was granted."),
            OpenApiParameter("state", str, enum=ExceptionState.values),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=ExceptionPage,
    )
    def get(self, request: Request) -> Response:
        rows = ExceptionGrant.objects.all()
        if agent := text_of(request, "agent"):
            try:
                rows = rows.filter(agent_id=UUID(agent))
            except ValueError:
                raise BadInput("agent must be a UUID", fields={"agent": "Give the id of an agent."}) from None
        if tool := text_of(request, "tool"):
            rows = rows.filter(tool=tool)
        if state := text_of(request, "state"):
            if state not in ExceptionState.values:
                fields = {"state": f"Use one of {', '.join(ExceptionState.values)}."}
                raise BadInput("There is no such state.", fields=fields)
            rows = in_state(rows, ExceptionState(state), timezone.now())
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: ExceptionSerializer(found, many=True).data))

    @extend_schema(operation_id="exceptions_create", request=ExceptionInput, responses={201: ExceptionSerializer})
    def post(self, request: Request) -> Response:
        given = ExceptionInput(data=request.data)
        given.is_valid(raise_exception=True)
        grant = grants.create(actor=actor_of(request), **given.validated_data)
        return Response(ExceptionSerializer(grant).data, status=status.HTTP_201_CREATED)


class PreviewView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="exceptions_preview", request=PreviewInput, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        """Which of the agent's last calls such an exception would have covered. Grants nothing."""
        given = PreviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        found = preview.preview(**given.validated_data)
        body = {
            "looked_at": found.looked_at,
            "covered": sum(found.numbers.values()),
            "would_allow": found.numbers[preview.Would.ALLOW],
            "would_change_nothing": found.numbers[preview.Would.NOTHING],
            "would_stay_refused": found.numbers[preview.Would.STAY],
            "results": found.covered,
        }
        return Response(PreviewSerializer(body).data)


class ExceptionView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="exceptions_get", responses=ExceptionSerializer)
    def get(self, request: Request, exception_id: UUID) -> Response:
        return Response(ExceptionSerializer(_found(exception_id)).data)


class ExtendView(APIView):
    permission_classes = (at_least(grants.WRITE_ROLE),)

    @extend_schema(operation_id="exceptions_extend", request=ExtensionInput, responses=ExceptionSerializer)
    def patch(self, request: Request, exception_id: UUID) -> Response:
        given = ExtensionInput(data=request.data)
        given.is_valid(raise_exception=True)
        grant = grants.extend(exception_id, actor=actor_of(request), hours=given.validated_data["hours"])
        return Response(ExceptionSerializer(grant).data)


class RevokeView(APIView):
    permission_classes = (at_least(grants.WRITE_ROLE),)

    @extend_schema(operation_id="exceptions_revoke", request=RevocationInput, responses=ExceptionSerializer)
    def post(self, request: Request, exception_id: UUID) -> Response:
        given = RevocationInput(data=request.data)
        given.is_valid(raise_exception=True)
        grant = grants.revoke(exception_id, actor=actor_of(request), reason=given.validated_data["reason"])
        return Response(ExceptionSerializer(grant).data)


class UsesView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="exceptions_uses",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=EntryPageSerializer,
    )
    def get(self, request: Request, exception_id: UUID) -> Response:
        """The log entries of the calls that it let pass, newest first."""
        page = KeysetPage.of(request, uses.of(_found(exception_id)), key="seq")
        return Response(page.body(lambda found: [documents.document(row) for row in found]))


def _found(exception_id: UUID) -> ExceptionGrant:
    grant = ExceptionGrant.objects.filter(pk=exception_id).first()
    if grant is None:
        raise NotFound("There is no such exception.")
    return grant
