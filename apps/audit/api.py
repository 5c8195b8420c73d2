"""REST doors of the log: look, export, verify, acknowledge. Nothing here can change an entry."""

from typing import Any
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit import documents, export, search, services, verification
from apps.audit.models import AuditEntry, ChainBreakEntry, Verification
from apps.decision.errors import BadInput, NotAllowed, NotFound
from apps.decision.events import EventKind
from apps.tenants.api import KeysetPage, decode, encode
from apps.tenants.roles import Role, actor_of, at_least, role_of


class EntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """Documents the shape that `documents.document` writes."""

    payload = serializers.CharField(allow_null=True, help_text="JSON text of what the payload mode keeps")
    dlp_findings = serializers.ListField(child=serializers.DictField())
    delegation_chain = serializers.ListField(child=serializers.CharField())
    extra = serializers.DictField()

    class Meta:
        model = AuditEntry
        fields = "__all__"


class EntryPageSerializer(serializers.Serializer[Any]):
    results = EntrySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BreakSerializer(serializers.ModelSerializer[ChainBreakEntry]):
    class Meta:
        model = ChainBreakEntry
        fields = "__all__"


class BreakPageSerializer(serializers.Serializer[Any]):
    results = BreakSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FoundBreakSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    seq = serializers.IntegerField()
    last_seq = serializers.IntegerField()
    detail = serializers.CharField()


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    intact = serializers.SerializerMethodField()
    found = FoundBreakSerializer(many=True, required=False, help_text="Breaks of this walk, when it was made just now")

    class Meta:
        model = Verification
        fields = (
            "intact", "whole", "from_seq", "to_seq", "entries", "breaks", "event_hash", "started_at", "finished_at",
            "found",
        )  # fmt: skip

    def get_intact(self, row: Verification) -> bool:
        return row.breaks == 0


class NoteSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=2000)


FILTERS = [OpenApiParameter(name, OpenApiTypes.STR, description="Filter") for name in search.NAMES]
PAGING = [OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor", OpenApiTypes.STR)]


class Events(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="audit_events_list", parameters=[*FILTERS, *PAGING], responses=EntryPageSerializer)
    def get(self, request: Request) -> Response:
        """Entries, newest first."""
        wanted = search.conditions(request.query_params.dict(), besides=("limit", "cursor"))
        page = KeysetPage.of(request, AuditEntry.objects.filter(wanted), key="seq")
        return Response(page.body(lambda rows: [documents.document(row) for row in rows]))


class Event(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(operation_id="audit_events_retrieve", responses=EntrySerializer)
    def get(self, request: Request, event_id: UUID) -> Response:
        """One entry by its id."""
        entry = AuditEntry.objects.filter(id=event_id).first()
        if entry is None:
            raise NotFound("There is no such entry")
        return Response(documents.document(entry))


class _AnyFormat(DefaultContentNegotiation):
    """`format` means the export's own form here; DRF would look for a renderer of that name."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Export(APIView):
    content_negotiation_class = _AnyFormat
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="audit_export",
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=list(export.FORMS)), *FILTERS, *PAGING],
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY, (200, "text/csv"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All matching entries, oldest first, as JSON lines or CSV. `X-Next-Cursor` continues where this one ends."""
        given = request.query_params.dict()
        wanted = search.conditions(given, besides=("limit", "cursor", "format"))
        form, limit = given.get("format", "jsonl"), _number(given, "limit", 1)
        after = decode(given["cursor"]) if given.get("cursor") else 0
        if not isinstance(after, int):
            raise BadInput("The cursor is not one of ours", fields={"cursor": "Send back an X-Next-Cursor."})
        extent = export.plan(form, wanted, after=after, limit=limit)
        services.record(
            EventKind.LOG_EXPORTED,
            actor=actor_of(request),
            extra={"filters": {**given}, "format": form, "from": after + 1, "to": extent.last, "total": extent.total},
        )
        asynchronous = isinstance(request._request, ASGIRequest)
        body = export.astream(extent) if asynchronous else export.stream(extent)
        response = StreamingHttpResponse(body, content_type=extent.form.content_type)
        response["X-Next-Cursor"] = encode(extent.last)
        response["X-Total-Events"] = str(extent.total)
        response["Content-Disposition"] = f'attachment; filename="audit.{extent.form.extension}"'
        return response


class Verify(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="audit_verify",
        parameters=[
            OpenApiParameter("fresh", OpenApiTypes.BOOL, description="Walk now (analyst); else the last result"),
            OpenApiParameter("from_seq", OpenApiTypes.INT),
            OpenApiParameter("to_seq", OpenApiTypes.INT),
        ],
        responses=VerificationSerializer,
    )
    def get(self, request: Request) -> Response:
        """Whether the chain is intact: the last whole walk, or a walk made now over all or a range."""
        given = request.query_params.dict()
        first, last = _number(given, "from_seq", 1), _number(given, "to_seq", 1)
        fresh = given.get("fresh", "").lower() in {"1", "true"} or first is not None or last is not None
        row = None if fresh else verification.latest()
        if row is not None:
            return Response(VerificationSerializer(row).data)
        if fresh and (role_of(request) or 0) < Role.ANALYST:
            raise NotAllowed("A fresh walk over the log needs the role analyst or higher.")
        row, found = verification.verify(actor=actor_of(request), from_seq=first or 1, to_seq=last)
        listed = [{"kind": b.kind.value, "seq": b.seq, "last_seq": b.last_seq, "detail": b.detail} for b in found]
        return Response({**VerificationSerializer(row).data, "found": listed})


class Breaks(APIView):
    permission_classes = (at_least(Role.VIEWER),)

    @extend_schema(
        operation_id="audit_chain_breaks_list",
        parameters=[*PAGING, OpenApiParameter("acknowledged", OpenApiTypes.BOOL)],
        responses=BreakPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Breaks that verifications found."""
        rows = ChainBreakEntry.objects.all()
        state = request.query_params.get("acknowledged", "").lower()
        if state:
            rows = rows.filter(acknowledged_at__isnull=state not in {"1", "true"})
        page = KeysetPage.of(request, rows, key="number")
        return Response(page.body(lambda found: BreakSerializer(found, many=True).data))


class Acknowledge(APIView):
    permission_classes = (at_least(Role.ANALYST),)

    @extend_schema(
        operation_id="audit_chain_breaks_acknowledge",
        request=NoteSerializer,
        responses={200: BreakSerializer, 409: OpenApiResponse(description="Already acknowledged")},
    )
    def post(self, request: Request, break_id: UUID) -> Response:
        """Acknowledge a break, with a note."""
        body = NoteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        note = body.validated_data["note"]
        return Response(BreakSerializer(verification.acknowledge(break_id, actor=actor_of(request), note=note)).data)


def _number(given: dict[str, str], name: str, least: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < least:
        raise BadInput(f"{name} must be a whole number from {least}", fields={name: f"A whole number from {least}."})
    return int(text)
