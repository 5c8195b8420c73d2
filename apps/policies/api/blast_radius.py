"""REST: how far one call may reach, with the defaults beside what the tenant made of them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.policies.services import blast_radius
from apps.tenants.roles import Role, actor_of, at_least


class BlastRadiusChanges(StrictMixin, serializers.Serializer[Any]):
    """null returns to the default. A list replaces the whole list."""

    min_delete_depth = serializers.IntegerField(min_value=1, max_value=20, required=False, allow_null=True)
    email_recipient_limit = serializers.IntegerField(min_value=1, max_value=100_000, required=False, allow_null=True)
    bulk_action_threshold = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    config_paths = serializers.ListField(
        child=serializers.CharField(max_length=500, trim_whitespace=False),
        max_length=100,
        required=False,
        allow_null=True,
    )
    protected_names = serializers.ListField(
        child=serializers.CharField(max_length=200, trim_whitespace=False),
        max_length=100,
        required=False,
        allow_null=True,
    )


class LimitsSerializer(serializers.Serializer[Any]):
    min_delete_depth = serializers.IntegerField()
    email_recipient_limit = serializers.IntegerField()
    bulk_action_threshold = serializers.IntegerField()
    config_paths = serializers.ListField(child=serializers.CharField())
    protected_names = serializers.ListField(child=serializers.CharField())


class BlastRadiusSerializer(LimitsSerializer):
    """What holds, what would hold by default, and which of the two differ."""

    defaults = LimitsSerializer()
    changed = serializers.ListField(child=serializers.CharField())


class BlastRadiusView(APIView):
    """Viewers look, admins change."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="blast_radius_get", responses=BlastRadiusSerializer)
    def get(self, request: Request) -> Response:
        return Response(_what_holds())

    @extend_schema(operation_id="blast_radius_update", request=BlastRadiusChanges, responses=BlastRadiusSerializer)
    def patch(self, request: Request) -> Response:
        given = BlastRadiusChanges(data=request.data)
        given.is_valid(raise_exception=True)
        blast_radius.configure(actor=actor_of(request), changes=given.validated_data)
        return Response(_what_holds())


def _what_holds() -> dict[str, Any]:
    held, defaults = blast_radius.settings(), blast_radius.defaults()
    return {**held, "defaults": defaults, "changed": [name for name in held if held[name] != defaults[name]]}
