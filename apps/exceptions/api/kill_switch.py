"""REST: a tenant's kill switch. Everybody with a role sees what stops the tenant; admins engage and release."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.exceptions.models import BreakGlass
from apps.exceptions.models.kill_switch import SwitchAction
from apps.exceptions.services import kill_switch
from apps.exceptions.services.kill_switch import MAX_REASON, MIN_REASON, Standing
from apps.tenants.models import FleetStop
from apps.tenants.roles import Role, actor_of, at_least

IN_FORCE = "No call of this tenant is forwarded any more."
UNTOLD = (
    "Redis could not be told. The stop holds all the same: the log takes no call that was allowed by older rules, and a"
    " gateway that cannot reach Redis refuses everything. Gateways hear of it as soon as Redis answers."
)
STILL_STOPPED = "The tenant's own stop is over; the installation's still holds."
RELEASED = "The agents of this tenant may act again."
RELEASED_UNTOLD = "Redis could not be told, so gateways go on refusing until they hear of it."


class StopSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    engaged_by = serializers.CharField()
    engaged_at = serializers.DateTimeField()


class LiftSerializer(serializers.ModelSerializer[BreakGlass]):
    """`agent_id` is empty where the stop is lifted for all agents."""

    class Meta:
        model = BreakGlass
        fields: ClassVar = ("id", "agent_id", "reason", "broken_by", "broken_at", "expires_at")
        read_only_fields: ClassVar = fields


class StandingSerializer(serializers.Serializer[Any]):
    """What stops the tenant: its own switch, the installation's, both or neither; and for whom the glass is broken."""

    stopped = serializers.BooleanField()
    tenant = StopSerializer(allow_null=True)
    fleet = StopSerializer(allow_null=True)
    lifts = LiftSerializer(many=True)


class SwitchedSerializer(StandingSerializer):
    announced = serializers.BooleanField(help_text="Whether gateways were told over Redis. A stop holds without it.")
    detail = serializers.CharField()


class SwitchSerializer(StrictMixin, serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=SwitchAction.choices)
    reason = serializers.CharField(min_length=MIN_REASON, max_length=MAX_REASON)


def body_of(standing: Standing) -> dict[str, Any]:
    return dict(StandingSerializer(standing).data)


def stop_body(stop: FleetStop | None) -> dict[str, Any] | None:
    return None if stop is None else dict(StopSerializer(stop).data)


def switch(action: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Engage or release in the tenant the caller stands in, and say what holds now."""
    turn = kill_switch.engage if action == SwitchAction.ENGAGE else kill_switch.release
    announced = turn(reason=reason, actor=actor)
    standing = kill_switch.standing()
    if action == SwitchAction.ENGAGE:
        detail = IN_FORCE if announced else UNTOLD
    elif standing.stopped:
        detail = STILL_STOPPED
    else:
        detail = RELEASED if announced else RELEASED_UNTOLD
    return {**body_of(standing), "announced": announced, "detail": detail}


class KillSwitchView(APIView):
    def get_permissions(self) -> Any:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="kill_switch_read", responses=StandingSerializer)
    def get(self, request: Request) -> Response:
        """What stops this tenant now."""
        return Response(body_of(kill_switch.standing()))

    @extend_schema(operation_id="kill_switch_turn", request=SwitchSerializer, responses=SwitchedSerializer)
    def post(self, request: Request) -> Response:
        """Stop all agents of this tenant, or let them act again. The answer to `engage` comes when no call is forwarded
        any more, about half a second later."""
        given = SwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(switch(**given.validated_data, actor=actor_of(request)))
