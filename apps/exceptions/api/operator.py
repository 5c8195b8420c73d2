"""REST on the operator's host: the kill switch of the installation, of any tenant, and breaking the glass.

Signed-in super-admins only, with Django's session and CSRF token; the operator has no access tokens. Scripts use
`manage.py kill_switch`.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.decision.errors import BadInput
from apps.exceptions.api.kill_switch import LiftSerializer, SwitchSerializer, body_of, stop_body, switch
from apps.exceptions.services import break_glass, fleet, kill_switch
from apps.exceptions.services.break_glass import DEFAULT_MINUTES, MAX_MINUTES
from apps.exceptions.services.kill_switch import MAX_REASON, MIN_REASON
from apps.tenants.context import in_tenant, is_operator
from apps.tenants.services import schema_of_slug


class SuperAdmin(BasePermission):
    """The operator's super-admins; a tenant's superuser is none, since no tenant's host leads here."""

    message = "This needs a super-admin of the installation."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return is_operator() and request.user.is_active and bool(getattr(request.user, "is_superuser", False))


class OperatorView(APIView):
    authentication_classes = (SessionAuthentication,)
    permission_classes = (SuperAdmin,)


class OperatorSwitchSerializer(SwitchSerializer):
    scope = serializers.ChoiceField(choices=["fleet", "tenant"], required=False)
    tenant = serializers.SlugField(required=False)


class BreakSerializer(StrictMixin, serializers.Serializer[Any]):
    tenant = serializers.SlugField()
    reason = serializers.CharField(min_length=MIN_REASON, max_length=MAX_REASON)
    minutes = serializers.IntegerField(min_value=1, max_value=MAX_MINUTES, required=False, default=DEFAULT_MINUTES)
    agent_id = serializers.UUIDField(required=False)


class MendSerializer(StrictMixin, serializers.Serializer[Any]):
    tenant = serializers.SlugField()
    reason = serializers.CharField(min_length=MIN_REASON, max_length=MAX_REASON)
    lift = serializers.UUIDField(required=False)


def operator_of(request: Request) -> str:
    """How a tenant's log names who of the operator's people did this."""
    return f"operator:{request.user.get_username()}"


class FleetSwitchView(OperatorView):
    def get(self, request: Request) -> Response:
        """The installation's stop; with `?tenant=` what stops that tenant."""
        slug = request.query_params.get("tenant", "")
        if not slug:
            return Response({"fleet": stop_body(fleet.current())})
        with in_tenant(schema_of_slug(slug)):
            return Response(body_of(kill_switch.standing()))

    def post(self, request: Request) -> Response:
        given = OperatorSwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        slug, scope = asked.get("tenant", ""), asked.get("scope", "tenant" if asked.get("tenant") else "")
        if (scope == "tenant") != bool(slug) or not scope:
            why = 'Give "scope": "fleet", or the slug of one tenant.'
            raise BadInput("Whom this is to stop is not clear.", fields={"scope": why})
        words = {"reason": asked["reason"], "actor": operator_of(request)}
        if scope == "tenant":
            with in_tenant(schema_of_slug(slug)):
                return Response(switch(asked["action"], **words))
        turn = fleet.engage_fleet if asked["action"] == "engage" else fleet.release_fleet
        told = turn(**words)
        body = {"told": len(told.told), "failed": list(told.failed), "announced": told.announced}
        return Response({"fleet": stop_body(fleet.current()), **body})


class BreakGlassView(OperatorView):
    def post(self, request: Request) -> Response:
        given = BreakSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        row = break_glass.break_glass(
            schema_of_slug(asked["tenant"]),
            reason=asked["reason"],
            actor=operator_of(request),
            minutes=asked["minutes"],
            agent_id=str(asked.get("agent_id") or ""),
        )
        return Response(LiftSerializer(row).data, status=201)


class MendGlassView(OperatorView):
    def post(self, request: Request) -> Response:
        given = MendSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        mended = break_glass.mend(
            schema_of_slug(asked["tenant"]),
            reason=asked["reason"],
            actor=operator_of(request),
            lift_id=str(asked.get("lift") or ""),
        )
        return Response({"mended": mended})
