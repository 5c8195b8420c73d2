"""REST: replays and shadows, with what would end otherwise per agent and tool, and samples."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin, text_of
from apps.decision.errors import BadInput, NotFound
from apps.decision.types import Effect
from apps.policies import recorded
from apps.policies.models import Comparison, Flip, FlipGroup
from apps.policies.permissions import NEEDS, Act, person_of
from apps.policies.services import replays, shadows
from apps.tenants.api import KeysetPage
from apps.tenants.roles import at_least

SHOWN = 50  # samples in a report; all that were kept are under …/flips


class FlipGroupSerializer(serializers.ModelSerializer[FlipGroup]):
    class Meta:
        model = FlipGroup
        fields = ("agent_id", "agent_name", "mcp_server", "tool", "before", "after", "count")
        read_only_fields = fields


class FlipSerializer(serializers.ModelSerializer[Flip]):
    class Meta:
        model = Flip
        fields = (
            "event_id", "at", "agent_id", "agent_name", "mcp_server", "tool", "resource", "before", "before_policy",
            "before_reason", "after", "after_policy", "after_reason", "recorded", "recorded_policy", "recorded_stage",
        )  # fmt: skip
        read_only_fields = fields


class FlipPage(serializers.Serializer[Any]):
    results = FlipSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ProgressSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text="null for a shadow, and before the first turn")
    percent = serializers.FloatField(allow_null=True)
    per_second = serializers.FloatField(allow_null=True)
    waiting = serializers.IntegerField(allow_null=True, help_text="recorded, not judged yet; of a shadow")


class SummarySerializer(serializers.ModelSerializer[Comparison]):
    """A replay's or a shadow's progress and counts."""

    kind = serializers.CharField(help_text="replay or shadow")
    status = serializers.CharField(help_text="queued, running, done, cancelled, stopped or failed")
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    totals = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="how many were judged, by what was and would be",
    )
    progress = serializers.SerializerMethodField()
    unchanged = serializers.SerializerMethodField()

    class Meta:
        model = Comparison
        fields: ClassVar[tuple[str, ...]] = (
            "id", "kind", "status", "problem", "slug", "policy", "version", "change", "archives", "days", "started_by",
            "created_at", "started_at", "finished_at", "progress", "flips", "unchanged", "totals", "masked",
            "unreadable", "drifted", "errors_before", "errors_after",
        )  # fmt: skip
        read_only_fields: ClassVar[tuple[str, ...]] = fields

    def get_unchanged(self, row: Comparison) -> int:
        """Inputs to which the policy contributes the same either way, which need no judging."""
        return row.done - row.unreadable - sum(sum(to.values()) for to in row.totals.values())

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, row: Comparison) -> dict[str, Any]:
        return progress_of(row)


class ReportSerializer(SummarySerializer):
    """The same with what would end otherwise."""

    groups = serializers.SerializerMethodField()
    samples = serializers.SerializerMethodField()

    class Meta(SummarySerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*SummarySerializer.Meta.fields, "groups", "samples")
        read_only_fields: ClassVar[tuple[str, ...]] = fields

    @extend_schema_field(FlipGroupSerializer(many=True))
    def get_groups(self, row: Comparison) -> Any:
        return FlipGroupSerializer(row.groups.all(), many=True).data

    @extend_schema_field(FlipSerializer(many=True))
    def get_samples(self, row: Comparison) -> Any:
        return FlipSerializer(row.samples.order_by("id")[:SHOWN], many=True).data


class SummaryPage(serializers.Serializer[Any]):
    results = SummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ChangeReplayInput(StrictMixin, serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=90, required=False)


class ReplayInput(ChangeReplayInput):
    """A saved `version`, the newest where none is given; or `archive`, which is the policy's absence."""

    version = serializers.IntegerField(min_value=1, required=False)
    archive = serializers.BooleanField(required=False, default=False)


class ShadowInput(StrictMixin, serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, required=False)


class ComparingView(APIView):
    """Viewers read, policy authors start and stop."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(NEEDS[Act.READ if self.request.method == "GET" else Act.COMPARE])()]


class PolicyReplayView(ComparingView):
    @extend_schema(operation_id="policies_replay", request=ReplayInput, responses={201: ReportSerializer})
    def post(self, request: Request, policy_id: UUID) -> Response:
        given = ReplayInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        if fields["archive"] and "version" in fields:
            raise BadInput("Give a version or archive, not both.", fields={"version": "Not with archive."})
        row = replays.of_version(
            policy_id, by=person_of(request), number=fields.get("version"), days=fields.get("days"),
            archives=fields["archive"],
        )  # fmt: skip
        return Response(ReportSerializer(row).data, status=status.HTTP_201_CREATED)


class ReplaysView(ComparingView):
    @extend_schema(
        operation_id="policies_replays_list",
        parameters=[
            OpenApiParameter("status", str, enum=Comparison.Status.values),
            OpenApiParameter("slug", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=SummaryPage,
    )
    def get(self, request: Request) -> Response:
        rows = Comparison.objects.filter(kind=Comparison.Kind.REPLAY).select_related("version")
        rows = rows.filter(status=wanted) if (wanted := choice(request, "status", Comparison.Status.values)) else rows
        rows = rows.filter(slug=slug) if (slug := text_of(request, "slug")) else rows
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: SummarySerializer(found, many=True).data))


class ReplayView(ComparingView):
    @extend_schema(operation_id="policies_replays_get", responses=ReportSerializer)
    def get(self, request: Request, replay_id: UUID) -> Response:
        return Response(ReportSerializer(_replay(replay_id)).data)


class ReplayFlipsView(ComparingView):
    @extend_schema(
        operation_id="policies_replays_flips",
        parameters=[
            OpenApiParameter("before", str, enum=[one.value for one in Effect]),
            OpenApiParameter("after", str, enum=[one.value for one in Effect]),
            OpenApiParameter("agent_id", str),
            OpenApiParameter("tool", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=FlipPage,
    )
    def get(self, request: Request, replay_id: UUID) -> Response:
        rows = Flip.objects.filter(comparison=_replay(replay_id))
        filters = {name: choice(request, name, [one.value for one in Effect]) for name in ("before", "after")}
        filters |= {name: text_of(request, name) for name in ("agent_id", "tool")}
        page = KeysetPage.of(request, rows.filter(**{name: value for name, value in filters.items() if value}))
        return Response(page.body(lambda found: FlipSerializer(found, many=True).data))


class ReplayCancelView(ComparingView):
    @extend_schema(operation_id="policies_replays_cancel", request=None, responses=ReportSerializer)
    def post(self, request: Request, replay_id: UUID) -> Response:
        return Response(ReportSerializer(replays.cancel(replay_id, by=person_of(request))).data)


class ShadowView(ComparingView):
    @extend_schema(operation_id="policies_shadow_get", responses=ReportSerializer)
    def get(self, request: Request, policy_id: UUID) -> Response:
        """The policy's shadow, or the last one it had."""
        return Response(ReportSerializer(shadows.latest(policy_id)).data)

    @extend_schema(operation_id="policies_shadow_begin", request=ShadowInput, responses=ReportSerializer)
    def post(self, request: Request, policy_id: UUID) -> Response:
        given = ShadowInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = shadows.begin(policy_id, by=person_of(request), number=given.validated_data.get("version"))
        return Response(ReportSerializer(row).data)

    @extend_schema(operation_id="policies_shadow_end", responses=ReportSerializer)
    def delete(self, request: Request, policy_id: UUID) -> Response:
        return Response(ReportSerializer(shadows.end(policy_id, by=person_of(request))).data)


def progress_of(row: Comparison) -> dict[str, Any]:
    shadow = row.kind == Comparison.Kind.SHADOW
    live = shadow and row.status == Comparison.Status.RUNNING
    return {
        "done": row.done,
        "total": row.total,
        "percent": None if row.total is None else round(100 * row.done / row.total, 1) if row.total else 100.0,
        "per_second": round(row.done / row.busy_seconds, 1) if row.busy_seconds else None,
        "waiting": recorded.waiting(row.cursor) if live else None,
    }


def choice(request: Request, name: str, known: list[str]) -> str:
    wanted = text_of(request, name)
    if wanted and wanted not in known:
        raise BadInput(f"{name} is not known", fields={name: f"One of {', '.join(known)}."})
    return wanted


def _replay(replay_id: UUID) -> Comparison:
    rows = Comparison.objects.select_related("version").filter(pk=replay_id, kind=Comparison.Kind.REPLAY)
    row = rows.first()
    if row is None:
        raise NotFound("There is no such replay.")
    return row
