"""The OAuth doors: the token endpoint, the public keys, and the metadata that leads clients to both."""

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents import oauth, services
from apps.agents.oauth import OAuthError
from apps.agents.parsers import SmallFormParser, SmallJSONParser
from apps.agents.throttle import Throttle, place_of
from apps.decision.errors import AppError, TooLarge, Unavailable

AUTHORIZE_PATH = "/api/v1/auth/authorize"
TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105 - an address
PER_CLIENT = Throttle("token", limit=30, window=300)
PER_ADDRESS = Throttle("token_address", limit=300, window=300)
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokenParameters(serializers.Serializer[Any]):
    grant_type = serializers.ChoiceField(choices=["client_credentials"])
    client_id = serializers.CharField(required=False, help_text="Here or in HTTP Basic.")
    client_secret = serializers.CharField(required=False, help_text="Here or in HTTP Basic.")
    resource = serializers.CharField(required=False, help_text="RFC 8707: the gateway, or one server behind it.")
    scope = serializers.CharField(required=False, help_text="Not a choice: the answer says what is granted.")


class TokenAnswer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    scope = serializers.CharField()
    agent_id = serializers.UUIDField()
    risk_tier = serializers.CharField()


class TokenRefusal(serializers.Serializer[Any]):
    error = serializers.CharField()
    error_description = serializers.CharField()


class TokenView(APIView):
    """Speaks RFC 6749 in success and failure, not problem documents."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (SmallFormParser, SmallJSONParser)

    @extend_schema(
        operation_id="token",
        request={"application/x-www-form-urlencoded": TokenParameters, "application/json": TokenParameters},
        responses={200: TokenAnswer, 400: TokenRefusal, 401: TokenRefusal, 403: TokenRefusal, 429: TokenRefusal},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        address = place_of(request)
        asked = oauth.parse(request.data, request.META.get("HTTP_AUTHORIZATION", ""))
        PER_ADDRESS.take(address)
        PER_CLIENT.take(asked.client_id, address)
        try:
            grant = services.issue_token(
                client_id=asked.client_id, client_secret=asked.client_secret, resource=asked.resource
            )
        except OAuthError as error:
            services.record_refusal(error)
            raise
        PER_CLIENT.give_back(asked.client_id, address)
        PER_ADDRESS.give_back(address)
        body = {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "scope": grant.scope,
            "agent_id": grant.agent_id,
            "risk_tier": grant.risk_tier,
        }
        return Response(body, headers=NO_STORE)

    def handle_exception(self, exc: Exception) -> Response:
        error = _as_app_error(exc)
        if error is None:
            return super().handle_exception(exc)
        headers = dict(NO_STORE)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="behavry"'
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        code = error.code if isinstance(error, OAuthError) else "temporarily_unavailable"
        return Response({"error": code, "error_description": error.detail}, status=error.status, headers=headers)


@require_GET
def jwks(request: HttpRequest) -> JsonResponse:
    """The public keys that agents' tokens are signed with, next ones included."""
    keys = [_jwk(kid, pem) for kid, pem in services.public_keys(timezone.now()).items()]
    return JsonResponse({"keys": keys}, headers={"Cache-Control": "public, max-age=300"})


@require_GET
def authorization_server(request: HttpRequest) -> JsonResponse:
    """RFC 8414 metadata."""
    base = f"{settings.BEHAVRY_PUBLIC_URL_SCHEME}://{request.get_host()}"
    body = {
        "issuer": base,
        # Clients in the field do not accept metadata without one, though no grant here uses it.
        "authorization_endpoint": base + AUTHORIZE_PATH,
        "token_endpoint": base + TOKEN_PATH,
        "jwks_uri": base + "/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "protected_resources": [f"{base}/mcp/v1"],
    }
    return JsonResponse(body, headers={"Cache-Control": "public, max-age=300"})


@require_GET
def authorize(request: HttpRequest) -> JsonResponse:
    """Agents have no browser and no user to ask; whoever comes here is told so in the words of OAuth."""
    description = "Agents use the client_credentials grant at the token endpoint."
    body = {"error": "unsupported_response_type", "error_description": description}
    return JsonResponse(body, status=400, headers=NO_STORE)


def _jwk(kid: str, pem: str) -> dict[str, Any]:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("a signing key must be an RSA key")
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": numbers["n"], "e": numbers["e"]}


def _as_app_error(error: Exception) -> AppError | None:
    match error:
        case TooLarge():
            return OAuthError("invalid_request", error.detail, status=413)
        case AppError():
            return error
        case OperationalError():
            return Unavailable("Tokens cannot be issued right now.", retry_after=1)
        case SuspiciousOperation():
            return OAuthError("invalid_request", "The request cannot be read.")
        case UnsupportedMediaType():
            return OAuthError("invalid_request", "Send a form or JSON.", status=400)
        case APIException():
            return OAuthError("invalid_request", "The request cannot be read.", status=error.status_code)
        case _:
            return None
