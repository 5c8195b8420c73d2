"""How a script proves on the management API whose it is: `Authorization: Bearer bhv_pat_…`.

Anything else in that header is refused here; above all an agent's token, which has no business on this API.
"""

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from apps.agents import services
from apps.agents.credentials import LENGTH, Purpose
from apps.agents.models import PersonalAccessToken
from apps.decision.errors import NotAuthenticated


class PersonalAccessTokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, PersonalAccessToken] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        scheme, _, token = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(Purpose.ACCESS_TOKEN) or len(token) != LENGTH:
            raise NotAuthenticated("This API takes a personal access token or a signed-in session.")
        row = services.use_access_token(token)
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="behavry"'


class PersonalAccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped there
    """Found by drf-spectacular through its class."""

    target_class = PersonalAccessTokenAuthentication
    name = "personalAccessToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A personal access token (bhv_pat_…)"}
