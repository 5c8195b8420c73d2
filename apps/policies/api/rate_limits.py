"""REST: how often an agent may call, and what that comes to for each risk tier under the tenant's plan."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.decision.rates import MINUTE_US, allowance
from apps.policies.services import limits
from apps.tenants import services as tenants
from apps.tenants.context import current_schema
from apps.tenants.roles import Role, actor_of, at_least


class RateLimitChanges(StrictMixin, serializers.Serializer[Any]):
    """null returns to the default."""

    per_minute = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    burst = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    concurrent = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    low_factor = serializers.FloatField(required=False, allow_null=True)
    medium_factor = serializers.FloatField(required=False, allow_null=True)
    high_factor = serializers.FloatField(required=False, allow_null=True)
    critical_factor = serializers.FloatField(required=False, allow_null=True)


class AllowanceSerializer(serializers.Serializer[Any]):
    """At most `calls` within any `window_seconds`: `per_minute` in the long run."""

    calls = serializers.IntegerField()
    window_seconds = serializers.FloatField()
    per_minute = serializers.FloatField()
    concurrent = serializers.IntegerField()


class AllowancesSerializer(serializers.Serializer[Any]):
    low = AllowanceSerializer()
    medium = AllowanceSerializer()
    high = AllowanceSerializer()
    critical = AllowanceSerializer()


class RatesSerializer(serializers.Serializer[Any]):
    per_minute = serializers.IntegerField()
    burst = serializers.IntegerField()
    concurrent = serializers.IntegerField()
    low_factor = serializers.FloatField()
    medium_factor = serializers.FloatField()
    high_factor = serializers.FloatField()
    critical_factor = serializers.FloatField()


class RateLimitSerializer(RatesSerializer):
    """What was set, what would hold by default, which of the two differ, and what comes of it under the plan."""

    defaults = RatesSerializer()
    changed = serializers.ListField(child=serializers.CharField())
    plan_per_minute = serializers.IntegerField()
    effective = AllowancesSerializer()


class RateLimitsView(APIView):
    """Viewers look, admins change."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="rate_limits_get", responses=RateLimitSerializer)
    def get(self, request: Request) -> Response:
        return Response(_what_holds())

    @extend_schema(operation_id="rate_limits_update", request=RateLimitChanges, responses=RateLimitSerializer)
    def patch(self, request: Request) -> Response:
        given = RateLimitChanges(data=request.data)
        given.is_valid(raise_exception=True)
        limits.configure_rate_limits(actor=actor_of(request), changes=given.validated_data)
        return Response(_what_holds())


def _what_holds() -> dict[str, Any]:
    config = tenants.config_of(current_schema())
    limit = limits.rate_limit(config)
    effective = {}
    for tier in limit.factors:
        allowed = allowance(limit, tier)
        effective[tier] = {
            "calls": allowed.calls,
            "window_seconds": round(allowed.window_us / 1_000_000, 1),
            "per_minute": round(allowed.calls * MINUTE_US / allowed.window_us, 2),
            "concurrent": allowed.concurrent,
        }
    held, defaults = limits.rate_limits(), limits.rate_defaults()
    return {
        **held,
        "defaults": defaults,
        "changed": [name for name in held if held[name] != defaults[name]],
        "plan_per_minute": config.max_rpm_per_agent,
        "effective": effective,
    }
