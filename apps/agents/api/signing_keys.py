"""REST: the tenant's signing keys, public halves only, and their rotation."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin
from apps.agents.models import SigningKey
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least


class SigningKeySerializer(serializers.ModelSerializer[SigningKey]):
    class Meta:
        model = SigningKey
        fields = ("kid", "state", "public_pem", "created_at", "activated_at", "retires_at")
        read_only_fields = fields


class SigningKeyPage(serializers.Serializer[Any]):
    results = SigningKeySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class KeyRotation(StrictMixin, serializers.Serializer[Any]):
    immediately = serializers.BooleanField(
        required=False, default=False, help_text="A key has leaked: every token issued so far becomes worthless."
    )


class SigningKeysView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="signing_keys_list", responses=SigningKeyPage)
    def get(self, request: Request) -> Response:
        page = KeysetPage.of(request, SigningKey.objects.all())
        return Response(page.body(lambda found: SigningKeySerializer(found, many=True).data))


class RotateSigningKeyView(APIView):
    permission_classes = (at_least(Role.ADMIN),)

    @extend_schema(operation_id="signing_keys_rotate", request=KeyRotation, responses={201: SigningKeySerializer})
    def post(self, request: Request) -> Response:
        given = KeyRotation(data=request.data)
        given.is_valid(raise_exception=True)
        key = services.rotate_signing_key(actor=actor_of(request), **given.validated_data)
        return Response(SigningKeySerializer(key).data, status=status.HTTP_201_CREATED)
