"""REST: the registry of MCP servers. Values of environment and headers go in and never come out; their names do."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin, text_of
from apps.agents.models import McpServer, Transport
from apps.decision.errors import BadInput, NotFound
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least


class ServerSerializer(serializers.ModelSerializer[McpServer]):
    tool_actions = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = McpServer
        fields = (
            "id", "name", "kind", "description", "transport", "url", "command", "environment_names", "header_names",
            "tool_actions", "enabled", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class ServerFields(StrictMixin, serializers.Serializer[Any]):
    """What may be changed. `environment` and `headers` are merged into what is set; null removes a name."""

    kind = serializers.CharField(max_length=50, required=False)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    transport = serializers.ChoiceField(choices=Transport.values, required=False)
    url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    command = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=8192), required=False
    )
    environment = serializers.DictField(
        child=serializers.CharField(allow_blank=True, allow_null=True, trim_whitespace=False),
        required=False,
        write_only=True,
    )
    headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, allow_null=True, trim_whitespace=False),
        required=False,
        write_only=True,
    )
    tool_actions = serializers.DictField(child=serializers.CharField(max_length=20), required=False)
    enabled = serializers.BooleanField(required=False)


class ServerInput(ServerFields):
    name = serializers.CharField(max_length=63)
    transport = serializers.ChoiceField(choices=Transport.values)


class ServerPage(serializers.Serializer[Any]):
    results = ServerSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ServersView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(
        operation_id="servers_list",
        parameters=[
            OpenApiParameter("kind", str),
            OpenApiParameter("enabled", bool),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=ServerPage,
    )
    def get(self, request: Request) -> Response:
        rows = McpServer.objects.all()
        if kind := text_of(request, "kind"):
            rows = rows.filter(kind=kind)
        match request.query_params.get("enabled", ""):
            case "":
                pass
            case "true" | "false" as wanted:
                rows = rows.filter(enabled=wanted == "true")
            case _:
                raise BadInput("enabled must be true or false", fields={"enabled": "Use true or false."})
        page = KeysetPage.of(request, rows, key="name", descending=False)
        return Response(page.body(lambda found: ServerSerializer(found, many=True).data))

    @extend_schema(operation_id="servers_create", request=ServerInput, responses={201: ServerSerializer})
    def post(self, request: Request) -> Response:
        given = ServerInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        for name in ("environment", "headers"):
            fields[name] = {key: value for key, value in fields.get(name, {}).items() if value is not None}
        server = services.register_server(actor=actor_of(request), **fields)
        return Response(ServerSerializer(server).data, status=status.HTTP_201_CREATED)


class ServerView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="servers_get", responses=ServerSerializer)
    def get(self, request: Request, server_id: UUID) -> Response:
        server = McpServer.objects.filter(pk=server_id).first()
        if server is None:
            raise NotFound("There is no such server.")
        return Response(ServerSerializer(server).data)

    @extend_schema(operation_id="servers_update", request=ServerFields, responses=ServerSerializer)
    def patch(self, request: Request, server_id: UUID) -> Response:
        given = ServerFields(data=request.data)
        given.is_valid(raise_exception=True)
        server = services.update_server(server_id, actor=actor_of(request), changes=given.validated_data)
        return Response(ServerSerializer(server).data)

    @extend_schema(operation_id="servers_remove", responses={204: None})
    def delete(self, request: Request, server_id: UUID) -> Response:
        services.remove_server(server_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
