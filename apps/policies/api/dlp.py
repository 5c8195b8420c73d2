"""REST: DLP patterns, the built-in ones (by name: action and whether they are on) and the tenant's own."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.decision.errors import NotFound
from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.scanner import DEFAULT_ACTIONS
from apps.policies import services
from apps.policies.models import ACTIONS, SEVERITIES, DlpPattern, DlpSetting
from apps.policies.services.dlp import builtin
from apps.tenants.roles import Role, actor_of, at_least


class CustomSerializer(serializers.ModelSerializer[DlpPattern]):
    class Meta:
        model = DlpPattern
        fields = (
            "id", "name", "description", "regex", "severity", "action", "enabled", "examples_hit", "examples_miss",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class BuiltinSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    action = serializers.ChoiceField(choices=ACTIONS)
    enabled = serializers.BooleanField()
    changed = serializers.BooleanField()


class PatternList(serializers.Serializer[Any]):
    builtin = BuiltinSerializer(many=True)
    custom = CustomSerializer(many=True)


class PatternChanges(StrictMixin, serializers.Serializer[Any]):
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    regex = serializers.CharField(max_length=1000, required=False, trim_whitespace=False)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    action = serializers.ChoiceField(choices=ACTIONS, required=False)
    enabled = serializers.BooleanField(required=False)
    examples_hit = serializers.ListField(child=serializers.CharField(trim_whitespace=False), required=False)
    examples_miss = serializers.ListField(child=serializers.CharField(trim_whitespace=False), required=False)


class PatternInput(PatternChanges):
    name = serializers.CharField(max_length=63)
    regex = serializers.CharField(max_length=1000, trim_whitespace=False)


class BuiltinChanges(StrictMixin, serializers.Serializer[Any]):
    """null returns to what the pattern says itself."""

    action = serializers.ChoiceField(choices=ACTIONS, required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False, allow_null=True)


class AuthorView(APIView):
    """Viewers read, policy authors write."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.POLICY_AUTHOR)()]


class PatternsView(AuthorView):
    @extend_schema(operation_id="dlp_patterns_list", responses=PatternList)
    def get(self, request: Request) -> Response:
        settings = {setting.pattern: setting for setting in DlpSetting.objects.all()}
        own = CustomSerializer(DlpPattern.objects.all(), many=True).data
        return Response({"builtin": [_builtin(one, settings.get(one.name)) for one in BUILTIN_PATTERNS], "custom": own})

    @extend_schema(operation_id="dlp_patterns_create", request=PatternInput, responses={201: CustomSerializer})
    def post(self, request: Request) -> Response:
        given = PatternInput(data=request.data)
        given.is_valid(raise_exception=True)
        pattern = services.create_pattern(actor=actor_of(request), **given.validated_data)
        return Response(CustomSerializer(pattern).data, status=status.HTTP_201_CREATED)


class PatternView(AuthorView):
    @extend_schema(operation_id="dlp_patterns_get", responses=CustomSerializer)
    def get(self, request: Request, pattern_id: int) -> Response:
        pattern = DlpPattern.objects.filter(pk=pattern_id).first()
        if pattern is None:
            raise NotFound("There is no such pattern.")
        return Response(CustomSerializer(pattern).data)

    @extend_schema(operation_id="dlp_patterns_update", request=PatternChanges, responses=CustomSerializer)
    def patch(self, request: Request, pattern_id: int) -> Response:
        given = PatternChanges(data=request.data)
        given.is_valid(raise_exception=True)
        pattern = services.update_pattern(pattern_id, actor=actor_of(request), changes=given.validated_data)
        return Response(CustomSerializer(pattern).data)

    @extend_schema(operation_id="dlp_patterns_remove", responses={204: None})
    def delete(self, request: Request, pattern_id: int) -> Response:
        services.remove_pattern(pattern_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BuiltinView(AuthorView):
    @extend_schema(operation_id="dlp_builtin_get", responses=BuiltinSerializer)
    def get(self, request: Request, name: str) -> Response:
        return Response(_builtin(builtin(name), DlpSetting.objects.filter(pattern=name).first()))

    @extend_schema(operation_id="dlp_builtin_update", request=BuiltinChanges, responses=BuiltinSerializer)
    def patch(self, request: Request, name: str) -> Response:
        given = BuiltinChanges(data=request.data)
        given.is_valid(raise_exception=True)
        setting = services.set_builtin(name, actor=actor_of(request), changes=given.validated_data)
        return Response(_builtin(builtin(name), setting))


def _builtin(pattern: Pattern, setting: DlpSetting | None) -> dict[str, Any]:
    """The pattern with what the tenant made of it."""
    action = setting.action if setting and setting.action else DEFAULT_ACTIONS[pattern.severity].value
    on = pattern.enabled if setting is None or setting.enabled is None else setting.enabled
    return {
        "name": pattern.name,
        "title": pattern.title,
        "severity": pattern.severity.value,
        "action": action,
        "enabled": on,
        "changed": setting is not None and (setting.action != "" or setting.enabled is not None),
    }
