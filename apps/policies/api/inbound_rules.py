"""REST: the rules that what comes back is looked through by, built in and the tenant's own, and a dry run of them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import BadInput, NotFound
from apps.decision.scan.injection.custom import CustomRule
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.types import Severity
from apps.policies.models import CLASSES, INBOUND_ACTIONS, SEVERITIES, InboundRule, InboundRuleSetting
from apps.policies.services import inbound, inbound_rules
from apps.tenants.roles import Role, actor_of, at_least

MAX_TEXT = 100_000


def _examples() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, max_length=10_000), required=False, max_length=100
    )


class OwnRuleSerializer(serializers.ModelSerializer[InboundRule]):
    class Meta:
        model = InboundRule
        fields = (
            "id", "name", "description", "kind", "severity", "regex", "enabled", "hits", "misses", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class BuiltinRuleSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=CLASSES)
    severity = serializers.ChoiceField(choices=SEVERITIES, help_text="as it holds now")
    default_severity = serializers.ChoiceField(choices=SEVERITIES)
    enabled = serializers.BooleanField()
    changed = serializers.BooleanField()
    hits = serializers.ListField(child=serializers.CharField())
    misses = serializers.ListField(child=serializers.CharField())


class RuleList(serializers.Serializer[Any]):
    builtin = BuiltinRuleSerializer(many=True)
    custom = OwnRuleSerializer(many=True)


class RuleChanges(StrictMixin, serializers.Serializer[Any]):
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=CLASSES, required=False)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    regex = serializers.CharField(max_length=1000, required=False, trim_whitespace=False)
    enabled = serializers.BooleanField(required=False)
    hits = _examples()
    misses = _examples()


class RuleInput(RuleChanges):
    name = serializers.CharField(max_length=63)
    kind = serializers.ChoiceField(choices=CLASSES)
    regex = serializers.CharField(max_length=1000, trim_whitespace=False)


class BuiltinRuleChanges(StrictMixin, serializers.Serializer[Any]):
    """null returns to what the rule says itself."""

    severity = serializers.ChoiceField(choices=SEVERITIES, required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False, allow_null=True)


class UnsavedRule(StrictMixin, serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=CLASSES)
    severity = serializers.ChoiceField(choices=SEVERITIES, default=Severity.HIGH.value)
    regex = serializers.CharField(max_length=1000, trim_whitespace=False)
    name = serializers.CharField(max_length=63, default="unsaved")
    hits = _examples()
    misses = _examples()


class TryInput(StrictMixin, serializers.Serializer[Any]):
    """`rule` holds for this text alone, beside the rules in effect."""

    text = serializers.CharField(max_length=MAX_TEXT, trim_whitespace=False, allow_blank=True)
    rule = UnsavedRule(required=False)


class FoundSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    excerpt = serializers.CharField()
    via = serializers.CharField(help_text="the disguise it was found under")
    words = serializers.ListField(child=serializers.CharField())
    quoted = serializers.BooleanField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # No attribute may be called so.
        words = "empty where the text could not be read as a whole"
        return {"class": serializers.CharField(source="kind", help_text=words), **super().get_fields()}


class TryOutput(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=INBOUND_ACTIONS)
    severity = serializers.ChoiceField(choices=SEVERITIES, allow_null=True)
    score = serializers.FloatField()
    findings = FoundSerializer(many=True)
    sanitised = serializers.CharField(
        allow_null=True, help_text="where it is withheld: the text without what was found"
    )


class AuthorView(APIView):
    """Viewers read, policy authors write."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.POLICY_AUTHOR)()]


class InboundRulesView(AuthorView):
    @extend_schema(
        operation_id="inbound_rules_list",
        parameters=[
            OpenApiParameter("kind", str, enum=[one.value for one in InjectionClass]),
            OpenApiParameter("severity", str, enum=[one.value for one in Severity], description="as it holds now"),
            OpenApiParameter("changed", bool, description="of the built-in ones: by the tenant"),
            OpenApiParameter("q", str, description="part of a name"),
        ],
        responses=RuleList,
    )
    def get(self, request: Request) -> Response:
        """All of them in one page: a tenant's own are bounded in number."""
        settings = {setting.rule: setting for setting in InboundRuleSetting.objects.all()}
        known = [_builtin(rule, settings.get(rule.name)) for rule in (inbound_rules.SCORER, *BUILTIN_RULES)]
        own = OwnRuleSerializer(InboundRule.objects.all(), many=True).data
        chosen = _chosen(request)
        return Response(
            {"builtin": [one for one in known if chosen(one)], "custom": [one for one in own if chosen(one)]}
        )

    @extend_schema(operation_id="inbound_rules_create", request=RuleInput, responses={201: OwnRuleSerializer})
    def post(self, request: Request) -> Response:
        given = RuleInput(data=request.data)
        given.is_valid(raise_exception=True)
        rule = inbound_rules.create_rule(actor=actor_of(request), **given.validated_data)
        return Response(OwnRuleSerializer(rule).data, status=status.HTTP_201_CREATED)


class InboundRuleView(AuthorView):
    @extend_schema(operation_id="inbound_rules_get", responses=OwnRuleSerializer)
    def get(self, request: Request, inbound_rule_id: int) -> Response:
        rule = InboundRule.objects.filter(pk=inbound_rule_id).first()
        if rule is None:
            raise NotFound("There is no such rule.")
        return Response(OwnRuleSerializer(rule).data)

    @extend_schema(operation_id="inbound_rules_update", request=RuleChanges, responses=OwnRuleSerializer)
    def patch(self, request: Request, inbound_rule_id: int) -> Response:
        given = RuleChanges(data=request.data)
        given.is_valid(raise_exception=True)
        rule = inbound_rules.update_rule(inbound_rule_id, actor=actor_of(request), changes=given.validated_data)
        return Response(OwnRuleSerializer(rule).data)

    @extend_schema(operation_id="inbound_rules_remove", responses={204: None})
    def delete(self, request: Request, inbound_rule_id: int) -> Response:
        inbound_rules.remove_rule(inbound_rule_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BuiltinRuleView(AuthorView):
    @extend_schema(operation_id="inbound_builtin_get", responses=BuiltinRuleSerializer)
    def get(self, request: Request, rule_name: str) -> Response:
        rule = inbound_rules.builtin(rule_name)
        return Response(_builtin(rule, InboundRuleSetting.objects.filter(rule=rule_name).first()))

    @extend_schema(operation_id="inbound_builtin_update", request=BuiltinRuleChanges, responses=BuiltinRuleSerializer)
    def patch(self, request: Request, rule_name: str) -> Response:
        given = BuiltinRuleChanges(data=request.data)
        given.is_valid(raise_exception=True)
        setting = inbound_rules.set_builtin(rule_name, actor=actor_of(request), changes=given.validated_data)
        return Response(_builtin(inbound_rules.builtin(rule_name), setting))


class TryView(AuthorView):
    @extend_schema(operation_id="inbound_rules_try", request=TryInput, responses=TryOutput)
    def post(self, request: Request) -> Response:
        """What a text would come to as things stand. Nothing is kept of it."""
        given = TryInput(data=request.data)
        given.is_valid(raise_exception=True)
        unsaved = given.validated_data.get("rule")
        screened = inbound.try_out(given.validated_data["text"], _as_rule(unsaved) if unsaved else None)
        return Response(TryOutput(screened).data)


def _as_rule(fields: dict[str, Any]) -> CustomRule:
    return CustomRule(
        name=fields["name"],
        kind=InjectionClass(fields["kind"]),
        severity=Severity(fields["severity"]),
        regex=fields["regex"],
        hits=tuple(fields.get("hits", ())),
        misses=tuple(fields.get("misses", ())),
    )


def _chosen(request: Request) -> Any:
    """Whether a rule, as it is shown, is one that the query asks for."""
    kind, severity, changed = (text_of(request, name) for name in ("kind", "severity", "changed"))
    part = text_of(request, "q").lower()
    for name, given, known in (
        ("kind", kind, [one.value for one in InjectionClass]),
        ("severity", severity, [one.value for one in Severity]),
        ("changed", changed, ["true", "false"]),
    ):
        if given and given not in known:
            raise BadInput(f"{name} is not known", fields={name: f"One of {', '.join(known)}."})

    def chosen(rule: Any) -> bool:
        return (
            kind in ("", rule["kind"])
            and severity in ("", rule["severity"])
            and (not changed or rule.get("changed") is (changed == "true"))
            and part in rule["name"]
        )

    return chosen


def _builtin(rule: Rule, setting: InboundRuleSetting | None) -> dict[str, Any]:
    """The rule with what the tenant made of it."""
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "severity": setting.severity if setting and setting.severity else rule.severity.value,
        "default_severity": rule.severity.value,
        "enabled": setting is None or setting.enabled is not False,
        "changed": setting is not None and (setting.severity != "" or setting.enabled is not None),
        "hits": list(rule.hits),
        "misses": list(rule.misses),
    }
