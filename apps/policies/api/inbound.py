"""REST: what is done with what comes back, by class of injection; secrets in results; and what servers list anew."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.agents.api.strict import StrictMixin
from apps.policies.models import INBOUND_ACTIONS, RESULT_ACTIONS, InboundSetting
from apps.policies.services import inbound
from apps.tenants.roles import Role, actor_of, at_least


def _action() -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=INBOUND_ACTIONS, required=False, allow_null=True)


class ClassActions(StrictMixin, serializers.Serializer[Any]):
    """null: as a finding's severity asks for, that is critical withheld, high flagged, the rest delivered."""

    imperative_command = _action()
    authority_claim = _action()
    permission_expansion = _action()
    role_reassignment = _action()
    encoded_payload = _action()
    structured_escalation = _action()
    urgency_framing = _action()


class InboundSerializer(serializers.Serializer[Any]):
    class_actions = ClassActions()
    result_secrets = serializers.ChoiceField(choices=RESULT_ACTIONS)
    new_items = serializers.ChoiceField(choices=InboundSetting.NewItems.choices)


class InboundChanges(StrictMixin, serializers.Serializer[Any]):
    """null returns to the default; classes that are not named stay as they are."""

    class_actions = ClassActions(required=False, allow_null=True)
    result_secrets = serializers.ChoiceField(choices=RESULT_ACTIONS, required=False, allow_null=True)
    new_items = serializers.ChoiceField(choices=InboundSetting.NewItems.choices, required=False, allow_null=True)


class InboundView(APIView):
    """Viewers look, admins change."""

    def get_permissions(self) -> list[BasePermission]:
        return [at_least(Role.VIEWER if self.request.method == "GET" else Role.ADMIN)()]

    @extend_schema(operation_id="inbound_get", responses=InboundSerializer)
    def get(self, request: Request) -> Response:
        return Response(inbound.settings())

    @extend_schema(operation_id="inbound_update", request=InboundChanges, responses=InboundSerializer)
    def patch(self, request: Request) -> Response:
        given = InboundChanges(data=request.data)
        given.is_valid(raise_exception=True)
        inbound.configure(actor=actor_of(request), changes=given.validated_data)
        return Response(inbound.settings())
