"""REST: enrolment tokens for admins, and the one door where such a token is redeemed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin
from apps.agents.models import EnrolmentToken
from apps.agents.parsers import SmallJSONParser
from apps.agents.throttle import Throttle, place_of
from apps.decision.errors import NotFound
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least

ATTEMPTS = Throttle("enrol", limit=30, window=300)


class EnrolmentTokenSerializer(serializers.ModelSerializer[EnrolmentToken]):
    state = serializers.SerializerMethodField()
    used_by = serializers.UUIDField(source="used_by_id", allow_null=True)

    class Meta:
        model = EnrolmentToken
        fields: tuple[str, ...] = (
            "id", "label", "prefix", "state", "agent_type", "roles", "permissions", "risk_tier", "created_by",
            "created_at", "expires_at", "used_at", "used_by", "revoked_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_state(self, token: EnrolmentToken) -> str:
        return token.state(timezone.now())


class EnrolmentTokenInput(StrictMixin, serializers.ModelSerializer[EnrolmentToken]):
    expires_in = serializers.IntegerField(required=False, default=86400, min_value=60, max_value=2592000)

    class Meta:
        model = EnrolmentToken
        fields = ("label", "agent_type", "roles", "permissions", "risk_tier", "expires_in")


class EnrolmentTokenMade(EnrolmentTokenSerializer):
    token = serializers.CharField(help_text="Shown once.")

    class Meta(EnrolmentTokenSerializer.Meta):
        fields = (*EnrolmentTokenSerializer.Meta.fields, "token")
        read_only_fields = fields


class EnrolmentTokenPage(serializers.Serializer[Any]):
    results = EnrolmentTokenSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class EnrolInput(StrictMixin, serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class Enrolment(serializers.Serializer[Any]):
    agent_id = serializers.UUIDField()
    client_id = serializers.CharField()
    client_secret = serializers.CharField(help_text="Shown once.")
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    risk_tier = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class EnrolmentTokensView(APIView):
    permission_classes = (at_least(Role.ADMIN),)

    @extend_schema(
        operation_id="enrolment_tokens_list",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=EnrolmentTokenPage,
    )
    def get(self, request: Request) -> Response:
        page = KeysetPage.of(request, EnrolmentToken.objects.all())
        return Response(page.body(lambda found: EnrolmentTokenSerializer(found, many=True).data))

    @extend_schema(
        operation_id="enrolment_tokens_create", request=EnrolmentTokenInput, responses={201: EnrolmentTokenMade}
    )
    def post(self, request: Request) -> Response:
        given = EnrolmentTokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        chosen = dict(given.validated_data)
        ttl = timedelta(seconds=chosen.pop("expires_in"))
        made = services.create_enrolment_token(actor=actor_of(request), ttl=ttl, **chosen)
        body = {**EnrolmentTokenSerializer(made.row).data, "token": made.token}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class EnrolmentTokenView(APIView):
    permission_classes = (at_least(Role.ADMIN),)

    @extend_schema(operation_id="enrolment_tokens_get", responses=EnrolmentTokenSerializer)
    def get(self, request: Request, token_id: UUID) -> Response:
        row = EnrolmentToken.objects.filter(pk=token_id).first()
        if row is None:
            raise NotFound("There is no such enrolment token.")
        return Response(EnrolmentTokenSerializer(row).data)

    @extend_schema(operation_id="enrolment_tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        services.revoke_enrolment_token(token_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class EnrolView(APIView):
    """No sign-in here: the enrolment token is the proof."""

    parser_classes = (SmallJSONParser,)
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="enrol", request=EnrolInput, responses={201: Enrolment}, auth=[])
    def post(self, request: Request) -> Response:
        address = place_of(request)
        ATTEMPTS.take(address)
        given = EnrolInput(data=request.data)
        given.is_valid(raise_exception=True)
        enrolled = services.enrol(**given.validated_data)
        ATTEMPTS.give_back(address)
        agent, grant = enrolled.registered.agent, enrolled.grant
        body = {
            "agent_id": grant.agent_id,
            "client_id": agent.client_id,
            "client_secret": enrolled.registered.client_secret,
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "risk_tier": grant.risk_tier,
            "permissions": agent.permissions,
        }
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
