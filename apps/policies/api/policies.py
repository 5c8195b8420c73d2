"""REST: a tenant's policies, their versions, and trying them out."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.decision.errors import BadInput, NotFound
from apps.decision.types import Verdict
from apps.policies import base, services
from apps.policies.models import Policy, PolicyVersion
from apps.policies.permissions import NEEDS, Act
from apps.tenants.api import KeysetPage
from apps.tenants.roles import actor_of, at_least


class PolicySerializer(serializers.ModelSerializer[Policy]):
    status = serializers.CharField(help_text="draft, active or archived")
    active_version = serializers.IntegerField(source="active_version.number", default=None, allow_null=True)
    latest_version = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField()
    package = serializers.SerializerMethodField()

    class Meta:
        model = Policy
        fields = (
            "id", "name", "slug", "package", "description", "status", "active_version", "latest_version", "content",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_latest_version(self, policy: Policy) -> int:
        return max((version.number for version in policy.versions.all()), default=0)

    def get_content(self, policy: Policy) -> str:
        """The newest version's, which need not be the active one."""
        newest = max(policy.versions.all(), key=lambda version: version.number, default=None)
        return newest.content if newest else ""

    def get_package(self, policy: Policy) -> str:
        return f"behavry.tenant.{policy.slug}"


class PolicyPage(serializers.Serializer[Any]):
    results = PolicySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PolicyInput(StrictMixin, serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    content = serializers.CharField(trim_whitespace=False)


class PolicyChanges(StrictMixin, serializers.Serializer[Any]):
    """New content becomes a new version, which takes effect when it is activated."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    content = serializers.CharField(trim_whitespace=False, required=False)


class VersionSerializer(serializers.ModelSerializer[PolicyVersion]):
    class Meta:
        model = PolicyVersion
        fields = ("number", "content", "digest", "author", "created_at")
        read_only_fields = fields


class VersionPage(serializers.Serializer[Any]):
    results = VersionSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ActivationInput(StrictMixin, serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, required=False)


class TestInput(StrictMixin, serializers.Serializer[Any]):
    """`version` or unsaved `content`; the newest version where neither is given."""

    input = serializers.JSONField()
    version = serializers.IntegerField(min_value=1, required=False)
    content = serializers.CharField(trim_whitespace=False, required=False)


class VerdictSerializer(serializers.Serializer[Any]):
    result = serializers.CharField()
    reason = serializers.CharField()
    policy = serializers.CharField()


class TestOutput(VerdictSerializer):
    version = serializers.IntegerField(allow_null=True)
    fired = VerdictSerializer(many=True)


class BaseRuleSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    rules = serializers.ListField(child=serializers.CharField())


class AuthorView(APIView):
    """Viewers read, policy authors write."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(NEEDS[Act.READ if self.request.method == "GET" else Act.WRITE])()]


class PoliciesView(AuthorView):
    @extend_schema(
        operation_id="policies_list",
        parameters=[
            OpenApiParameter("status", str, enum=Policy.Status.values),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=PolicyPage,
    )
    def get(self, request: Request) -> Response:
        rows = Policy.objects.select_related("active_version").prefetch_related("versions")
        if wanted := request.query_params.get("status"):
            if wanted not in Policy.Status.values:
                raise BadInput("status is not known", fields={"status": f"One of {', '.join(Policy.Status.values)}."})
            rows = rows.filter(status=wanted)
        page = KeysetPage.of(request, rows, key="slug", descending=False)
        return Response(page.body(lambda found: PolicySerializer(found, many=True).data))

    @extend_schema(operation_id="policies_create", request=PolicyInput, responses={201: PolicySerializer})
    def post(self, request: Request) -> Response:
        given = PolicyInput(data=request.data)
        given.is_valid(raise_exception=True)
        policy = services.create(actor=actor_of(request), **given.validated_data)
        return Response(PolicySerializer(policy).data, status=status.HTTP_201_CREATED)


class PolicyView(AuthorView):
    @extend_schema(operation_id="policies_get", responses=PolicySerializer)
    def get(self, request: Request, policy_id: UUID) -> Response:
        return Response(PolicySerializer(_policy(policy_id)).data)

    @extend_schema(operation_id="policies_update", request=PolicyChanges, responses=PolicySerializer)
    def patch(self, request: Request, policy_id: UUID) -> Response:
        given = PolicyChanges(data=request.data)
        given.is_valid(raise_exception=True)
        changes, actor = dict(given.validated_data), actor_of(request)
        content = changes.pop("content", None)
        if content is not None:
            services.save_version(policy_id, content=content, actor=actor)
        services.update(policy_id, actor=actor, **changes)
        return Response(PolicySerializer(_policy(policy_id)).data)


class ActivateView(AuthorView):
    @extend_schema(operation_id="policies_activate", request=ActivationInput, responses=PolicySerializer)
    def post(self, request: Request, policy_id: UUID) -> Response:
        given = ActivationInput(data=request.data)
        given.is_valid(raise_exception=True)
        services.activate(policy_id, actor=actor_of(request), number=given.validated_data.get("version"))
        return Response(PolicySerializer(_policy(policy_id)).data)


class ArchiveView(AuthorView):
    @extend_schema(operation_id="policies_archive", request=None, responses=PolicySerializer)
    def post(self, request: Request, policy_id: UUID) -> Response:
        services.archive(policy_id, actor=actor_of(request))
        return Response(PolicySerializer(_policy(policy_id)).data)


class TestView(AuthorView):
    @extend_schema(operation_id="policies_test", request=TestInput, responses=TestOutput)
    def post(self, request: Request, policy_id: UUID) -> Response:
        given = TestInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        tried = services.try_out(
            policy_id, document=fields["input"], number=fields.get("version"), content=fields.get("content")
        )
        ruling = tried.ruling
        chosen = _said(Verdict(ruling.result, ruling.reason, ruling.policy))
        fired = [_said(verdict) for verdict in ruling.verdicts]
        return Response({**chosen, "version": tried.version.number or None, "fired": fired})


class VersionsView(AuthorView):
    @extend_schema(
        operation_id="policies_versions",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=VersionPage,
    )
    def get(self, request: Request, policy_id: UUID) -> Response:
        rows = PolicyVersion.objects.filter(policy=_policy(policy_id))
        page = KeysetPage.of(request, rows, key="number")
        return Response(page.body(lambda found: VersionSerializer(found, many=True).data))


class BaseRulesView(AuthorView):
    @extend_schema(operation_id="policies_base", responses=BaseRuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The rules that every tenant has, as they describe themselves."""
        return Response(BaseRuleSerializer(base.rules(), many=True).data)


def _policy(policy_id: UUID) -> Policy:
    policy = Policy.objects.select_related("active_version").prefetch_related("versions").filter(pk=policy_id).first()
    if policy is None:
        raise NotFound("There is no such policy.")
    return policy


def _said(verdict: Verdict) -> dict[str, str]:
    return {"result": verdict.result.value, "reason": verdict.reason, "policy": verdict.policy}
