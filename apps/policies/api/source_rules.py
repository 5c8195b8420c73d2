"""REST: how far domains and MCP servers are trusted, and what the rules say about an address."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import BadInput, NotFound
from apps.decision.inbound.addresses import domains_of, fetched_of
from apps.decision.inbound.domains import MORE, UNREADABLE
from apps.decision.inbound.trust import resolve
from apps.policies.models import TIERS, SourceRule
from apps.policies.services import source_rules
from apps.tenants.api import KeysetPage
from apps.tenants.roles import Role, actor_of, at_least


class SourceRuleSerializer(serializers.ModelSerializer[SourceRule]):
    class Meta:
        model = SourceRule
        fields = (
            "id", "kind", "pattern", "tier", "priority", "note", "enabled", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class SourceRulePage(serializers.Serializer[Any]):
    results = SourceRuleSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SourceRuleChanges(StrictMixin, serializers.Serializer[Any]):
    tier = serializers.ChoiceField(choices=TIERS, required=False)
    priority = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)


class SourceRuleInput(SourceRuleChanges):
    kind = serializers.ChoiceField(choices=SourceRule.Kind.choices, required=False, default=SourceRule.Kind.DOMAIN)
    pattern = serializers.CharField(max_length=1000)
    tier = serializers.ChoiceField(choices=TIERS)


class SourceTry(StrictMixin, serializers.Serializer[Any]):
    """A server's name, an address, or both: as if the server had fetched it."""

    address = serializers.CharField(max_length=4096, required=False, default="", allow_blank=True)
    server = serializers.CharField(max_length=63, required=False, default="", allow_blank=True)


class DomainStanding(serializers.Serializer[Any]):
    domain = serializers.CharField(help_text="?: an address that nobody can read")
    tier = serializers.ChoiceField(choices=TIERS, allow_null=True)
    rule = serializers.CharField(allow_null=True)


class SourceStanding(serializers.Serializer[Any]):
    """What holds for content of that server, fetched from that address."""

    tier = serializers.ChoiceField(choices=TIERS, allow_null=True)
    rule = serializers.CharField(allow_null=True)
    domains = DomainStanding(many=True)


class AuthorView(APIView):
    """Viewers read, policy authors write."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.POLICY_AUTHOR)()]


class SourceRulesView(AuthorView):
    @extend_schema(
        operation_id="source_rules_list",
        parameters=[
            OpenApiParameter("kind", str, enum=SourceRule.Kind.values),
            OpenApiParameter("tier", str, enum=[value for value, _ in TIERS]),
            OpenApiParameter("enabled", bool),
            OpenApiParameter("q", str, description="part of a pattern"),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=SourceRulePage,
    )
    def get(self, request: Request) -> Response:
        rows = SourceRule.objects.all()
        for name, known in (
            ("kind", SourceRule.Kind.values),
            ("tier", [value for value, _ in TIERS]),
            ("enabled", ["true", "false"]),
        ):
            given = text_of(request, name)
            if given and given not in known:
                raise BadInput(f"{name} is not known", fields={name: f"One of {', '.join(known)}."})
            if given:
                rows = rows.filter(**{name: given == "true" if name == "enabled" else given})
        if part := text_of(request, "q"):
            rows = rows.filter(pattern__contains=part.lower())
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: SourceRuleSerializer(found, many=True).data))

    @extend_schema(operation_id="source_rules_create", request=SourceRuleInput, responses={201: SourceRuleSerializer})
    def post(self, request: Request) -> Response:
        given = SourceRuleInput(data=request.data)
        given.is_valid(raise_exception=True)
        rule = source_rules.create(actor=actor_of(request), **given.validated_data)
        return Response(SourceRuleSerializer(rule).data, status=status.HTTP_201_CREATED)


class SourceRuleView(AuthorView):
    @extend_schema(operation_id="source_rules_get", responses=SourceRuleSerializer)
    def get(self, request: Request, source_rule_id: UUID) -> Response:
        rule = SourceRule.objects.filter(pk=source_rule_id).first()
        if rule is None:
            raise NotFound("There is no such source rule.")
        return Response(SourceRuleSerializer(rule).data)

    @extend_schema(operation_id="source_rules_update", request=SourceRuleChanges, responses=SourceRuleSerializer)
    def patch(self, request: Request, source_rule_id: UUID) -> Response:
        given = SourceRuleChanges(data=request.data)
        given.is_valid(raise_exception=True)
        rule = source_rules.update(source_rule_id, actor=actor_of(request), changes=given.validated_data)
        return Response(SourceRuleSerializer(rule).data)

    @extend_schema(operation_id="source_rules_remove", responses={204: None})
    def delete(self, request: Request, source_rule_id: UUID) -> Response:
        source_rules.remove(source_rule_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SourceTryView(APIView):
    """Changes nothing, so that viewers may ask."""

    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="source_rules_try", request=SourceTry, responses=SourceStanding)
    def post(self, request: Request) -> Response:
        given = SourceTry(data=request.data)
        given.is_valid(raise_exception=True)
        address, server = given.validated_data["address"], given.validated_data["server"]
        if not address and not server:
            raise BadInput("Give an address or a server.", fields={"address": "Give this, or a server."})
        rules = source_rules.in_effect()
        named = domains_of({"url": address})
        standing = resolve(rules, server, named, fetched_of("resources/read", {"uri": address}, ""))
        known = {name: None if name in (UNREADABLE, MORE) else rules.of_domain(name) for name in named}
        body = {
            "tier": standing.tier,
            "rule": standing.rule or None,
            "domains": [
                {"domain": name, "tier": rule.tier if rule else None, "rule": rule.id if rule else None}
                for name, rule in known.items()
            ],
        }
        return Response(SourceStanding(body).data)
