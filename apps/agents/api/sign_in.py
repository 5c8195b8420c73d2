"""REST: a person's password for an hour's access token, for scripts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import services
from apps.agents.api.strict import StrictMixin
from apps.agents.parsers import SmallJSONParser
from apps.agents.services.access_tokens import LOGIN_TTL
from apps.agents.throttle import PER_ADDRESS, PER_PERSON, place_of


class Credentials(StrictMixin, serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class SignedIn(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    username = serializers.CharField()
    expires_in = serializers.IntegerField()


class SignInView(APIView):
    """Every attempt counts before the password is looked at, so that many at once are not many free ones."""

    parser_classes = (SmallJSONParser,)
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="sign_in", request=Credentials, responses=SignedIn, auth=[])
    def post(self, request: Request) -> Response:
        given = Credentials(data=request.data)
        given.is_valid(raise_exception=True)
        username, address = given.validated_data["username"], place_of(request)
        PER_ADDRESS.take(address)
        PER_PERSON.take(username.casefold(), address)
        made = services.sign_in(username=username, password=given.validated_data["password"])
        PER_PERSON.give_back(username.casefold(), address)
        PER_ADDRESS.give_back(address)
        body = {
            "access_token": made.token,
            "token_type": "Bearer",
            "username": made.row.user.get_username(),
            "expires_in": int(LOGIN_TTL.total_seconds()),
        }
        return Response(body, headers={"Cache-Control": "no-store"})
