"""REST: what a server lists, how it changed, and a person's word on it."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin, text_of
from apps.agents.models import McpServer, PinKind, ServerPin
from apps.decision.errors import BadInput, NotFound
from apps.decision.types import PinStatus
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least

ALL = "all"
STATUSES = [one.value for one in PinStatus]


class PinChange(serializers.Serializer[Any]):
    what = serializers.CharField()
    meaning = serializers.CharField()
    severity = serializers.CharField()
    path = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class PinFinding(serializers.Serializer[Any]):
    rule = serializers.CharField()
    severity = serializers.CharField()
    path = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    excerpt = serializers.CharField(allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        return {"class": serializers.CharField(allow_blank=True), **super().get_fields()}


class PinSerializer(serializers.ModelSerializer[ServerPin]):
    """`definition` is what is approved, `candidate` what the server says now where that is something else; `seen` is
    the digest to approve or reject by."""

    seen = serializers.SerializerMethodField()
    definition = serializers.JSONField()
    candidate = serializers.JSONField(allow_null=True)
    changes = PinChange(many=True)
    findings = PinFinding(many=True)

    class Meta:
        model = ServerPin
        fields = (
            "id", "kind", "name", "status", "severity", "digest", "candidate_digest", "seen", "definition", "candidate",
            "changes", "findings", "accepted", "first_seen_at", "changed_at", "missing_since",
            "reviewed_by", "reviewed_at", "note",
        )  # fmt: skip
        read_only_fields = fields

    def get_seen(self, pin: ServerPin) -> str:
        return pin.said


class PinPage(serializers.Serializer[Any]):
    results = PinSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Review(StrictMixin, serializers.Serializer[Any]):
    digest = serializers.RegexField(r"^[0-9a-f]{64}\Z", help_text="`seen` of the pin that was looked at.")
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class ReviewedItem(StrictMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField()
    digest = serializers.RegexField(r"^[0-9a-f]{64}\Z")


class Reviews(StrictMixin, serializers.Serializer[Any]):
    items = serializers.ListField(child=ReviewedItem(), min_length=1, max_length=1000)
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class Pins(serializers.Serializer[Any]):
    results = PinSerializer(many=True)


class ToolsView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="server_tools_list",
        parameters=[
            OpenApiParameter("kind", str, enum=[*PinKind.values, ALL], description="`tool` where none is given."),
            OpenApiParameter("status", str, enum=STATUSES),
            OpenApiParameter("missing", bool, description="Whether the server lists it no longer."),
            OpenApiParameter("q", str, description="Part of the name."),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=PinPage,
    )
    def get(self, request: Request, server_id: UUID) -> Response:
        rows = _pins_of(server_id)
        kind = _one_of(request, "kind", [*PinKind.values, ALL]) or PinKind.TOOL
        if kind != ALL:
            rows = rows.filter(kind=kind)
        if status := _one_of(request, "status", STATUSES):
            rows = rows.filter(status=status)
        if missing := _one_of(request, "missing", ["true", "false"]):
            rows = rows.filter(missing_since__isnull=missing == "false")
        if text := text_of(request, "q"):
            rows = rows.filter(name__icontains=text)
        page = KeysetPage.of(request, rows, descending=False)
        return Response(page.body(lambda found: PinSerializer(found, many=True).data))


class ToolView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="server_tools_get", responses=PinSerializer)
    def get(self, request: Request, server_id: UUID, pin_id: UUID) -> Response:
        pin = _pins_of(server_id).filter(pk=pin_id).first()
        if pin is None:
            raise NotFound("There is no such pin.")
        return Response(PinSerializer(pin).data)


class _ReviewView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.POLICY_AUTHOR)()]


class ApproveToolView(_ReviewView):
    @extend_schema(operation_id="server_tools_approve", request=Review, responses=PinSerializer)
    def post(self, request: Request, server_id: UUID, pin_id: UUID) -> Response:
        seen, note = _review(request, pin_id)
        return Response(
            PinSerializer(services.approve_pins(server_id, seen, actor=actor_of(request), note=note)[0]).data
        )


class RejectToolView(_ReviewView):
    @extend_schema(operation_id="server_tools_reject", request=Review, responses=PinSerializer)
    def post(self, request: Request, server_id: UUID, pin_id: UUID) -> Response:
        seen, note = _review(request, pin_id)
        return Response(
            PinSerializer(services.reject_pins(server_id, seen, actor=actor_of(request), note=note)[0]).data
        )


class ApproveToolsView(_ReviewView):
    """All of them or none: for the first look at a server."""

    @extend_schema(operation_id="server_tools_approve_all", request=Reviews, responses=Pins)
    def post(self, request: Request, server_id: UUID) -> Response:
        given = Reviews(data=request.data)
        given.is_valid(raise_exception=True)
        items = given.validated_data["items"]
        seen = {item["id"]: item["digest"] for item in items}
        if len(seen) != len(items):
            raise BadInput("A pin is named twice.", fields={"items": "Name each pin once."})
        rows = services.approve_pins(server_id, seen, actor=actor_of(request), note=given.validated_data["note"])
        return Response({"results": PinSerializer(rows, many=True).data})


def _review(request: Request, pin_id: UUID) -> tuple[dict[UUID, str], str]:
    given = Review(data=request.data)
    given.is_valid(raise_exception=True)
    return {pin_id: given.validated_data["digest"]}, given.validated_data["note"]


def _pins_of(server_id: UUID) -> QuerySet[ServerPin]:
    if not McpServer.objects.filter(pk=server_id).exists():
        raise NotFound("There is no such server.")
    return ServerPin.objects.filter(server_id=server_id)


def _one_of(request: Request, name: str, values: list[str]) -> str:
    text = text_of(request, name)
    if text and text not in values:
        raise BadInput(f"{name} is none of its values.", fields={name: f"Use one of {', '.join(values)}."})
    return text
