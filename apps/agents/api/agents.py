"""REST: agents and what can be done to them. Secrets are shown in the answer that made them and never again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import Reason, StrictMixin, text_of
from apps.agents.models import Agent, AgentStatus
from apps.decision.errors import BadInput, NotFound
from apps.tenants.api import limit_of
from apps.tenants.roles import Role, actor_of, at_least

MAX_OFFSET = 1_000_000


class AgentSerializer(serializers.ModelSerializer[Agent]):
    risk_score = serializers.FloatField()

    class Meta:
        model = Agent
        fields: tuple[str, ...] = (
            "id", "name", "agent_type", "owner", "description", "tags", "status", "roles", "permissions",
            "risk_tier", "risk_score", "system_prompt_hash", "client_id", "secret_rotated_at",
            "previous_secret_expires_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class AgentInput(StrictMixin, serializers.ModelSerializer[Agent]):
    class Meta:
        model = Agent
        fields = (
            "name",
            "agent_type",
            "owner",
            "description",
            "tags",
            "roles",
            "permissions",
            "risk_tier",
            "system_prompt_hash",
        )
        extra_kwargs = {"description": {"max_length": 2000}}  # noqa: RUF012 - DRF reads it so


class AgentWithSecret(AgentSerializer):
    client_secret = serializers.CharField(help_text="Shown once.")

    class Meta(AgentSerializer.Meta):
        fields = (*AgentSerializer.Meta.fields, "client_secret")
        read_only_fields = fields


class AgentList(serializers.Serializer[Any]):
    agents = AgentSerializer(many=True)
    total = serializers.IntegerField()


class Rotation(StrictMixin, serializers.Serializer[Any]):
    overlap_seconds = serializers.IntegerField(
        required=False, default=3600, min_value=0, max_value=604800, help_text="How long the old secret still works."
    )


def with_secret(registered: services.Registered) -> dict[str, Any]:
    return {**AgentSerializer(registered.agent).data, "client_secret": registered.client_secret}


class AgentsView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(
        operation_id="agents_list",
        parameters=[
            OpenApiParameter("status", str, enum=AgentStatus.values),
            OpenApiParameter("q", str, description="Part of the name, the owner or the client id."),
            OpenApiParameter("tag", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("offset", int),
        ],
        responses=AgentList,
    )
    def get(self, request: Request) -> Response:
        rows = Agent.objects.all()
        if wanted := request.query_params.get("status"):
            if wanted not in AgentStatus.values:
                raise BadInput("There is no such status.", fields={"status": f"Use one of {AgentStatus.values}."})
            rows = rows.filter(status=wanted)
        if tag := text_of(request, "tag"):
            rows = rows.filter(tags__contains=[tag])
        if text := text_of(request, "q"):
            rows = rows.filter(Q(name__icontains=text) | Q(owner__icontains=text) | Q(client_id=text))
        limit, offset = limit_of(request), _offset_of(request)
        page = rows.order_by("-id")[offset : offset + limit]
        return Response({"agents": AgentSerializer(page, many=True).data, "total": rows.count()})

    @extend_schema(operation_id="agents_create", request=AgentInput, responses={201: AgentWithSecret})
    def post(self, request: Request) -> Response:
        given = AgentInput(data=request.data)
        given.is_valid(raise_exception=True)
        registered = services.register(actor=actor_of(request), **given.validated_data)
        return Response(with_secret(registered), status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AgentView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="agents_get", responses=AgentSerializer)
    def get(self, request: Request, agent_id: UUID) -> Response:
        agent = Agent.objects.filter(pk=agent_id).first()
        if agent is None:
            raise NotFound("There is no such agent.")
        return Response(AgentSerializer(agent).data)

    @extend_schema(operation_id="agents_update", request=AgentInput(partial=True), responses=AgentSerializer)
    def patch(self, request: Request, agent_id: UUID) -> Response:
        given = AgentInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        agent = services.update(agent_id, actor=actor_of(request), changes=given.validated_data)
        return Response(AgentSerializer(agent).data)


class _StatusView(APIView):
    permission_classes = (at_least(Role.ADMIN),)
    act: Callable[..., Agent]

    @extend_schema(request=Reason, responses=AgentSerializer)
    def post(self, request: Request, agent_id: UUID) -> Response:
        given = Reason(data=request.data)
        given.is_valid(raise_exception=True)
        agent = type(self).act(agent_id, actor=actor_of(request), reason=given.validated_data["reason"])
        return Response(AgentSerializer(agent).data)


class SuspendView(_StatusView):
    act = staticmethod(services.suspend)


class ResumeView(_StatusView):
    act = staticmethod(services.resume)


class RevokeView(_StatusView):
    act = staticmethod(services.revoke)


class DeprovisionView(_StatusView):
    act = staticmethod(services.deprovision)


class RotateSecretView(APIView):
    permission_classes = (at_least(Role.ADMIN),)

    @extend_schema(operation_id="agents_rotate_secret", request=Rotation, responses=AgentWithSecret)
    def post(self, request: Request, agent_id: UUID) -> Response:
        given = Rotation(data=request.data)
        given.is_valid(raise_exception=True)
        overlap = timedelta(seconds=given.validated_data["overlap_seconds"])
        registered = services.rotate_secret(agent_id, actor=actor_of(request), overlap=overlap)
        return Response(with_secret(registered), headers={"Cache-Control": "no-store"})


def _offset_of(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 7 or int(text) > MAX_OFFSET:
        raise BadInput("offset must be a whole number", fields={"offset": f"From 0 to {MAX_OFFSET}."})
    return int(text)
