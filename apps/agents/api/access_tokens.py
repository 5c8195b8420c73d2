"""REST: a person's own access tokens. Nobody sees another person's; an admin can end them in the admin site."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin
from apps.agents.models import PersonalAccessToken
from apps.decision.errors import NotAllowed, NotFound
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least, role_of

ROLES = {role.group: role for role in Role}


class AccessTokenSerializer(serializers.ModelSerializer[PersonalAccessToken]):
    role = serializers.SerializerMethodField()

    class Meta:
        model = PersonalAccessToken
        fields: tuple[str, ...] = (
            "id", "name", "purpose", "prefix", "role", "created_at", "expires_at", "revoked_at", "last_used_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_role(self, token: PersonalAccessToken) -> str:
        return Role(token.role).group


class AccessTokenInput(StrictMixin, serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=list(ROLES))
    expires_in = serializers.IntegerField(
        required=False, default=7776000, min_value=60, max_value=31622400, help_text="Seconds; 90 days unless told."
    )


class AccessTokenMade(AccessTokenSerializer):
    token = serializers.CharField(help_text="Shown once.")

    class Meta(AccessTokenSerializer.Meta):
        fields = (*AccessTokenSerializer.Meta.fields, "token")
        read_only_fields = fields


class AccessTokenPage(serializers.Serializer[Any]):
    results = AccessTokenSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AccessTokensView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="access_tokens_list",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=AccessTokenPage,
    )
    def get(self, request: Request) -> Response:
        page = KeysetPage.of(request, PersonalAccessToken.objects.filter(user=owner_of(request)))
        return Response(page.body(lambda found: AccessTokenSerializer(found, many=True).data))

    @extend_schema(operation_id="access_tokens_create", request=AccessTokenInput, responses={201: AccessTokenMade})
    def post(self, request: Request) -> Response:
        given = AccessTokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        role = ROLES[given.validated_data["role"]]
        held = role_of(request)
        if held is None or role > held:  # the service knows the person's role, but not that of the token in use
            raise NotAllowed("A token cannot carry a higher role than the one in use.", code="role_too_high")
        made = services.create_access_token(
            owner_of(request),
            name=given.validated_data["name"],
            role=role,
            ttl=timedelta(seconds=given.validated_data["expires_in"]),
            actor=actor_of(request),
        )
        body = {**AccessTokenSerializer(made.row).data, "token": made.token}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AccessTokenView(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="access_tokens_get", responses=AccessTokenSerializer)
    def get(self, request: Request, token_id: UUID) -> Response:
        row = PersonalAccessToken.objects.filter(pk=token_id, user=owner_of(request)).first()
        if row is None:
            raise NotFound("There is no such access token.")
        return Response(AccessTokenSerializer(row).data)

    @extend_schema(operation_id="access_tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        services.revoke_access_token(token_id, actor=actor_of(request), owner=owner_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def owner_of(request: Request) -> User:
    if not isinstance(request.user, User):
        raise NotAllowed("Only a person has access tokens.")
    return request.user
