"""REST: canary tokens. A value is in one answer, that to its making, and in no other."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import BadInput, NotFound
from apps.policies.models import CanaryToken
from apps.policies.services import canaries
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least

KINDS = [(kind, kind.replace("_", " ")) for kind in (*canaries.SHAPES, canaries.OWN)]


class CanarySerializer(serializers.ModelSerializer[CanaryToken]):
    class Meta:
        model = CanaryToken
        fields = ("id", "name", "note", "created_by", "created_at", "retired_at")
        read_only_fields = fields


class PlantedSerializer(serializers.ModelSerializer[CanaryToken]):
    value = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta:
        model = CanaryToken
        fields = ("id", "name", "note", "created_by", "created_at", "retired_at", "value")
        read_only_fields = fields


class CanaryPage(serializers.Serializer[Any]):
    results = CanarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class CanaryInput(StrictMixin, serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63)
    kind = serializers.ChoiceField(choices=KINDS, required=False, default="api_key")
    value = serializers.CharField(
        max_length=canaries.LONGEST, required=False, default="", trim_whitespace=False, help_text='For kind "own".'
    )
    note = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class CanariesBase(APIView):
    """Analysts see which there are, admins plant and retire."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.ANALYST if self.request.method == "GET" else Role.ADMIN)()]


class CanariesView(CanariesBase):
    @extend_schema(
        operation_id="canaries_list",
        parameters=[
            OpenApiParameter("retired", bool),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=CanaryPage,
    )
    def get(self, request: Request) -> Response:
        rows = CanaryToken.objects.all()
        retired = text_of(request, "retired")
        if retired not in ("", "true", "false"):
            raise BadInput("retired is not known", fields={"retired": "One of true, false."})
        if retired:
            rows = rows.filter(retired_at__isnull=retired == "false")
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: CanarySerializer(found, many=True).data))

    @extend_schema(operation_id="canaries_plant", request=CanaryInput, responses={201: PlantedSerializer})
    def post(self, request: Request) -> Response:
        given = CanaryInput(data=request.data)
        given.is_valid(raise_exception=True)
        planted = canaries.plant(actor=actor_of(request), **given.validated_data)
        body = {**CanarySerializer(planted.canary).data, "value": planted.value}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class CanaryView(CanariesBase):
    @extend_schema(operation_id="canaries_get", responses=CanarySerializer)
    def get(self, request: Request, canary_id: UUID) -> Response:
        canary = CanaryToken.objects.filter(pk=canary_id).first()
        if canary is None:
            raise NotFound("There is no such canary token.")
        return Response(CanarySerializer(canary).data)

    @extend_schema(operation_id="canaries_retire", responses={204: None})
    def delete(self, request: Request, canary_id: UUID) -> Response:
        canaries.retire(canary_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
