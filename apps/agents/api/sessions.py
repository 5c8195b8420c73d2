"""REST: sessions, read and ended. Their counters come from the log."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import Reason
from apps.agents.models import Session
from apps.audit import documents
from apps.audit.api import EntryPageSerializer
from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput, NotFound
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least

STATES = ("open", "expired", "revoked")


class SessionSerializer(serializers.ModelSerializer[Session]):
    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField(source="agent.name")
    state = serializers.SerializerMethodField()
    risk_score_at_close = serializers.FloatField(allow_null=True)

    class Meta:
        model = Session
        fields = (
            "id", "agent_id", "agent_name", "state", "opened_at", "expires_at", "closed_at", "revoked_at",
            "revoked_reason", "last_seen_at", "tool_call_count", "denied_count", "dlp_hit_count",
            "flags", "flagged_at", "risk_score_at_close",
        )  # fmt: skip
        read_only_fields = fields

    def get_state(self, session: Session) -> str:
        return session.state(timezone.now())


class SessionPage(serializers.Serializer[Any]):
    results = SessionSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SessionsView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="sessions_list",
        parameters=[
            OpenApiParameter("agent_id", UUID),
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("flagged", bool),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=SessionPage,
    )
    def get(self, request: Request) -> Response:
        rows = Session.objects.select_related("agent")
        if agent_id := request.query_params.get("agent_id"):
            try:
                rows = rows.filter(agent_id=UUID(agent_id))
            except ValueError:
                raise BadInput("agent_id must be a UUID", fields={"agent_id": "Give a UUID."}) from None
        now = timezone.now()
        match request.query_params.get("state", ""):
            case "":
                pass
            case "open":
                rows = rows.filter(revoked_at__isnull=True, expires_at__gt=now)
            case "expired":
                rows = rows.filter(revoked_at__isnull=True, expires_at__lte=now)
            case "revoked":
                rows = rows.filter(revoked_at__isnull=False)
            case _:
                raise BadInput("There is no such state.", fields={"state": f"Use one of {', '.join(STATES)}."})
        match request.query_params.get("flagged", ""):
            case "":
                pass
            case "true" | "false" as wanted:
                rows = rows.filter(flagged_at__isnull=wanted == "false")
            case _:
                raise BadInput("flagged must be true or false", fields={"flagged": "Use true or false."})
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: SessionSerializer(found, many=True).data))


class SessionView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="sessions_get", responses=SessionSerializer)
    def get(self, request: Request, session_id: UUID) -> Response:
        session = Session.objects.select_related("agent").filter(pk=session_id).first()
        if session is None:
            raise NotFound("There is no such session.")
        return Response(SessionSerializer(session).data)


class SessionEventsView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="sessions_events",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=EntryPageSerializer,
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """What the log says about the session, newest first."""
        if not Session.objects.filter(pk=session_id).exists():
            raise NotFound("There is no such session.")
        page = KeysetPage.of(request, AuditEntry.objects.filter(session_id=str(session_id)), key="seq")
        return Response(page.body(lambda found: [documents.document(row) for row in found]))


class RevokeSessionView(APIView):
    permission_classes = (at_least(Role.ADMIN),)

    @extend_schema(operation_id="sessions_revoke", request=Reason, responses=SessionSerializer)
    def post(self, request: Request, session_id: UUID) -> Response:
        given = Reason(data=request.data)
        given.is_valid(raise_exception=True)
        reason = given.validated_data["reason"]
        session = services.revoke_session(session_id, actor=actor_of(request), reason=reason)
        return Response(SessionSerializer(session).data)
