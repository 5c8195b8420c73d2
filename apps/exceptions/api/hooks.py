"""REST: notification hooks and what was sent to them. For admins, since an address often carries a secret."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.decision.errors import BadInput, NotFound
from apps.exceptions.models import Delivery, NotificationHook
from apps.exceptions.services import hooks
from apps.tenants.api import KeysetPage
from apps.tenants.roles import AtLeastAdmin, actor_of

HOOK_FIELDS = ("id", "name", "url", "kinds", "enabled", "created_at", "updated_at")


class HookSerializer(serializers.ModelSerializer[NotificationHook]):
    class Meta:
        model = NotificationHook
        fields = HOOK_FIELDS
        read_only_fields = fields


class NewHookSerializer(serializers.ModelSerializer[NotificationHook]):
    """With the secret, this once."""

    secret = serializers.CharField(read_only=True)

    class Meta:
        model = NotificationHook
        fields = (*HOOK_FIELDS, "secret")
        read_only_fields = fields


class HookFields(StrictMixin, serializers.Serializer[Any]):
    """What may be changed. No `kinds` at all is every kind."""

    name = serializers.CharField(max_length=200, required=False)
    url = serializers.CharField(max_length=1000, required=False)
    kinds = serializers.ListField(child=serializers.CharField(max_length=64), max_length=100, required=False)
    enabled = serializers.BooleanField(required=False)


class HookInput(HookFields):
    name = serializers.CharField(max_length=200)
    url = serializers.CharField(max_length=1000)


class HookPage(serializers.Serializer[Any]):
    results = HookSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = (
            "id", "kind", "body", "status", "attempts", "next_attempt_at", "response_code", "error", "created_at",
            "sent_at",
        )  # fmt: skip
        read_only_fields = fields


class DeliveryPage(serializers.Serializer[Any]):
    results = DeliverySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class HooksView(APIView):
    permission_classes = (AtLeastAdmin,)

    @extend_schema(
        operation_id="notification_hooks_list",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=HookPage,
    )
    def get(self, request: Request) -> Response:
        page = KeysetPage.of(request, NotificationHook.objects.all(), key="name", descending=False)
        return Response(page.body(lambda found: HookSerializer(found, many=True).data))

    @extend_schema(operation_id="notification_hooks_create", request=HookInput, responses={201: NewHookSerializer})
    def post(self, request: Request) -> Response:
        given = HookInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = hooks.create_hook(actor=actor_of(request), **given.validated_data)
        return Response(_with_secret(made), status=status.HTTP_201_CREATED)


class HookView(APIView):
    permission_classes = (AtLeastAdmin,)

    @extend_schema(operation_id="notification_hooks_get", responses=HookSerializer)
    def get(self, request: Request, hook_id: UUID) -> Response:
        return Response(HookSerializer(_found(hook_id)).data)

    @extend_schema(operation_id="notification_hooks_update", request=HookFields, responses=HookSerializer)
    def patch(self, request: Request, hook_id: UUID) -> Response:
        given = HookFields(data=request.data)
        given.is_valid(raise_exception=True)
        hook = hooks.update_hook(hook_id, actor=actor_of(request), changes=given.validated_data)
        return Response(HookSerializer(hook).data)

    @extend_schema(operation_id="notification_hooks_remove", responses={204: None})
    def delete(self, request: Request, hook_id: UUID) -> Response:
        hooks.remove_hook(hook_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RotateHookSecretView(APIView):
    permission_classes = (AtLeastAdmin,)

    @extend_schema(operation_id="notification_hooks_rotate_secret", request=None, responses=NewHookSerializer)
    def post(self, request: Request, hook_id: UUID) -> Response:
        return Response(_with_secret(hooks.rotate_hook_secret(hook_id, actor=actor_of(request))))


class HookTestView(APIView):
    permission_classes = (AtLeastAdmin,)

    @extend_schema(operation_id="notification_hooks_test", request=None, responses={201: DeliverySerializer})
    def post(self, request: Request, hook_id: UUID) -> Response:
        delivery = hooks.send_test(hook_id, actor=actor_of(request))
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)


class DeliveriesView(APIView):
    permission_classes = (AtLeastAdmin,)

    @extend_schema(
        operation_id="notification_hooks_deliveries",
        parameters=[
            OpenApiParameter("status", str, enum=Delivery.Status.values),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=DeliveryPage,
    )
    def get(self, request: Request, hook_id: UUID) -> Response:
        rows = _found(hook_id).deliveries.all()
        if wanted := request.query_params.get("status", ""):
            if wanted not in Delivery.Status.values:
                known = ", ".join(Delivery.Status.values)
                raise BadInput(f"status must be one of {known}", fields={"status": f"Use one of: {known}."})
            rows = rows.filter(status=wanted)
        page = KeysetPage.of(request, rows)
        return Response(page.body(lambda found: DeliverySerializer(found, many=True).data))


def _found(hook_id: UUID) -> NotificationHook:
    hook = NotificationHook.objects.filter(pk=hook_id).first()
    if hook is None:
        raise NotFound("There is no such notification hook.")
    return hook


def _with_secret(made: hooks.NewHook) -> dict[str, Any]:
    return {**HookSerializer(made.hook).data, "secret": made.secret}
