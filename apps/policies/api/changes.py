"""REST: change requests of policies, what each would change, and their approval."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import NotFound
from apps.policies import services
from apps.policies.api.comparisons import ChangeReplayInput, ReportSerializer, choice
from apps.policies.models import Comparison, PolicyChangeRequest
from apps.policies.permissions import NEEDS, Act, person_of
from apps.policies.services import replays, shadows, tenant
from apps.policies.services.changes import Proposal, diff_of, is_current
from apps.tenants.api import KeysetPage
from apps.tenants.context import current_schema
from apps.tenants.models import TenantConfig
from apps.tenants.roles import actor_of, at_least
from apps.tenants.services import config_of


class ChangeSerializer(serializers.ModelSerializer[PolicyChangeRequest]):
    action = serializers.CharField(help_text="activate or archive")
    status = serializers.CharField(help_text="open, approved, rejected, withdrawn or superseded")
    base_version = serializers.IntegerField(source="base_version.number", default=None, allow_null=True)
    applied_version = serializers.IntegerField(source="applied_version.number", default=None, allow_null=True)

    class Meta:
        model = PolicyChangeRequest
        fields: ClassVar[tuple[str, ...]] = (
            "id", "action", "status", "policy", "slug", "name", "description", "base_version", "applied_version",
            "replaces", "author", "note", "reviewer", "review_note", "created_at", "decided_at",
        )  # fmt: skip
        read_only_fields: ClassVar[tuple[str, ...]] = fields


class ChangePage(serializers.Serializer[Any]):
    results = ChangeSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DiffSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="unified diff against the version it was written over")
    added = serializers.IntegerField()
    removed = serializers.IntegerField()


class CompiledSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(help_text="always true: what does not compile is refused at once")
    current = serializers.BooleanField(help_text="whether what is in effect is still what it was compiled with")


class OwnTestSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    passed = serializers.BooleanField()
    problem = serializers.CharField()


class ChangeDetailSerializer(ChangeSerializer):
    diff = serializers.SerializerMethodField()
    compiled = serializers.SerializerMethodField()
    test_results = OwnTestSerializer(many=True, read_only=True)
    replay = serializers.SerializerMethodField()

    class Meta(ChangeSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *ChangeSerializer.Meta.fields,
            "content",
            "tests",
            "diff",
            "compiled",
            "test_results",
            "replay",
        )
        read_only_fields: ClassVar[tuple[str, ...]] = fields

    @extend_schema_field(DiffSerializer)
    def get_diff(self, row: PolicyChangeRequest) -> dict[str, Any]:
        found = diff_of(row)
        return {"text": found.text, "added": found.added, "removed": found.removed}

    @extend_schema_field(CompiledSerializer)
    def get_compiled(self, row: PolicyChangeRequest) -> dict[str, bool]:
        return {"ok": True, "current": is_current(row)}

    @extend_schema_field(ReportSerializer(allow_null=True))
    def get_replay(self, row: PolicyChangeRequest) -> Any:
        """The newest one."""
        newest = newest_replay(row)
        return None if newest is None else ReportSerializer(newest).data


class ChangeInput(StrictMixin, serializers.Serializer[Any]):
    """`policy` names one that is there; without it, the package of `content` does, and a new one needs a `name`."""

    action = serializers.RegexField(r"^(activate|archive)\Z", default="activate", help_text="activate or archive")
    policy = serializers.UUIDField(required=False)
    content = serializers.CharField(trim_whitespace=False, required=False, default="", allow_blank=True)
    tests = serializers.CharField(trim_whitespace=False, required=False, default="", allow_blank=True)
    note = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    description = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class RebaseInput(StrictMixin, serializers.Serializer[Any]):
    """What is left out stays as it was."""

    content = serializers.CharField(trim_whitespace=False, required=False, default="", allow_blank=True)
    tests = serializers.CharField(trim_whitespace=False, required=False, default="", allow_blank=True)
    note = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class ReviewInput(StrictMixin, serializers.Serializer[Any]):
    note = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class RejectionInput(StrictMixin, serializers.Serializer[Any]):
    note = serializers.CharField(max_length=2000)


class PendingSerializer(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    for_you = serializers.IntegerField(help_text="those that you may approve")


class ChangeSettingsSerializer(serializers.Serializer[Any]):
    approval_required = serializers.BooleanField(source="policy_approval")
    replay_days = serializers.IntegerField()


class ChangeSettingsInput(StrictMixin, serializers.Serializer[Any]):
    approval_required = serializers.BooleanField(required=False, source="policy_approval")
    replay_days = serializers.IntegerField(min_value=0, max_value=90, required=False)


class _View(APIView):
    """`act` is what anything but reading needs."""

    act = Act.REVIEW

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(NEEDS[Act.READ if self.request.method == "GET" else self.act])()]


class ChangesView(_View):
    act = Act.SUBMIT

    @extend_schema(
        operation_id="policies_changes_list",
        parameters=[
            OpenApiParameter("status", str, enum=PolicyChangeRequest.Status.values),
            OpenApiParameter("slug", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=ChangePage,
    )
    def get(self, request: Request) -> Response:
        rows = PolicyChangeRequest.objects.select_related("base_version", "applied_version")
        wanted = choice(request, "status", PolicyChangeRequest.Status.values)
        rows = rows.filter(status=wanted) if wanted else rows
        rows = rows.filter(slug=slug) if (slug := text_of(request, "slug")) else rows
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: ChangeSerializer(found, many=True).data))

    @extend_schema(operation_id="policies_changes_submit", request=ChangeInput, responses={201: ChangeDetailSerializer})
    def post(self, request: Request) -> Response:
        given = ChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        proposal = Proposal(policy_id=fields.pop("policy", None), **fields)
        row = services.submit(proposal, by=person_of(request))
        return Response(ChangeDetailSerializer(row).data, status=status.HTTP_201_CREATED)


class PendingView(_View):
    @extend_schema(operation_id="policies_changes_pending", responses=PendingSerializer)
    def get(self, request: Request) -> Response:
        by = person_of(request)
        rows = PolicyChangeRequest.objects.filter(status=PolicyChangeRequest.Status.OPEN)
        authors = list(rows.values_list("author", "author_user"))
        others = sum(not by.wrote(*one) for one in authors) if by.may(Act.REVIEW) else 0
        return Response({"pending": len(authors), "for_you": others})


class ChangeView(_View):
    @extend_schema(operation_id="policies_changes_get", responses=ChangeDetailSerializer)
    def get(self, request: Request, change_id: UUID) -> Response:
        return Response(ChangeDetailSerializer(_change(change_id)).data)


class ApproveView(_View):
    @extend_schema(operation_id="policies_changes_approve", request=ReviewInput, responses=ChangeDetailSerializer)
    def post(self, request: Request, change_id: UUID) -> Response:
        given = ReviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.approve(change_id, by=person_of(request), note=given.validated_data["note"])
        return Response(ChangeDetailSerializer(row).data)


class RejectView(_View):
    @extend_schema(operation_id="policies_changes_reject", request=RejectionInput, responses=ChangeDetailSerializer)
    def post(self, request: Request, change_id: UUID) -> Response:
        given = RejectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.reject(change_id, by=person_of(request), note=given.validated_data["note"])
        return Response(ChangeDetailSerializer(row).data)


class WithdrawView(_View):
    act = Act.WITHDRAW

    @extend_schema(operation_id="policies_changes_withdraw", request=None, responses=ChangeDetailSerializer)
    def post(self, request: Request, change_id: UUID) -> Response:
        return Response(ChangeDetailSerializer(services.withdraw(change_id, by=person_of(request))).data)


class RebaseView(_View):
    act = Act.SUBMIT

    @extend_schema(operation_id="policies_changes_rebase", request=RebaseInput, responses={201: ChangeDetailSerializer})
    def post(self, request: Request, change_id: UUID) -> Response:
        """The same anew, over what is in effect now. The answer is another request, with an id of its own."""
        given = RebaseInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.rebase(change_id, by=person_of(request), **given.validated_data)
        return Response(ChangeDetailSerializer(row).data, status=status.HTTP_201_CREATED)


class ChangeReplayView(_View):
    act = Act.COMPARE

    @extend_schema(operation_id="policies_changes_replay_get", responses=ReportSerializer)
    def get(self, request: Request, change_id: UUID) -> Response:
        newest = newest_replay(_change(change_id))
        if newest is None:
            raise NotFound("This change request has no replay.")
        return Response(ReportSerializer(newest).data)

    @extend_schema(operation_id="policies_changes_replay", request=ChangeReplayInput, responses={201: ReportSerializer})
    def post(self, request: Request, change_id: UUID) -> Response:
        given = ChangeReplayInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = replays.of_change(change_id, by=person_of(request), days=given.validated_data.get("days"))
        return Response(ReportSerializer(row).data, status=status.HTTP_201_CREATED)


class PromoteView(_View):
    act = Act.SUBMIT

    @extend_schema(operation_id="policies_shadow_promote", request=ReviewInput, responses={201: ChangeDetailSerializer})
    def post(self, request: Request, policy_id: UUID) -> Response:
        """Put up the version in shadow for approval."""
        given = ReviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = shadows.promote(policy_id, by=person_of(request), note=given.validated_data["note"])
        return Response(ChangeDetailSerializer(row).data, status=status.HTTP_201_CREATED)


class ChangeSettingsView(_View):
    act = Act.CONFIGURE

    @extend_schema(operation_id="policies_settings_get", responses=ChangeSettingsSerializer)
    def get(self, request: Request) -> Response:
        return Response(_settings(config_of(current_schema())))

    @extend_schema(
        operation_id="policies_settings_update", request=ChangeSettingsInput, responses=ChangeSettingsSerializer
    )
    def patch(self, request: Request) -> Response:
        given = ChangeSettingsInput(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(_settings(tenant.configure(actor=actor_of(request), changes=given.validated_data)))


def newest_replay(row: PolicyChangeRequest) -> Comparison | None:
    return row.comparisons.select_related("version").order_by("-id").first()


def _change(change_id: UUID) -> PolicyChangeRequest:
    rows = PolicyChangeRequest.objects.select_related("base_version", "applied_version")
    row = rows.filter(pk=change_id).first()
    if row is None:
        raise NotFound("There is no such change request.")
    return row


def _settings(config: TenantConfig) -> Any:
    return ChangeSettingsSerializer(config).data
