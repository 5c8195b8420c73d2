"""What a server took back after it was quarantined or rejected does not come back under another name."""

import pytest

from apps.agents import services
from apps.agents.models import ServerPin
from apps.agents.tests.test_pins import WORSE, decide, make_server, make_tool, see, status
from apps.decision.types import PinStatus
from apps.tenants.context import in_tenant

pytestmark = pytest.mark.django_db
THIRD = make_tool(description="Something else again, which nobody has looked at")
RENAMED = {**WORSE, "name": "lookup"}


@pytest.mark.parametrize("between", [[make_tool()], [THIRD], [THIRD, make_tool()]])
def test_what_was_rejected_and_taken_back_does_not_return_under_another_name(
    acme: str, between: list[dict[str, object]]
) -> None:
    with in_tenant(acme):
        make_server()
        see(make_tool())
        see(WORSE)
        decide(services.reject_pins)
        for tool in between:
            see(tool)
        assert see(between[-1], RENAMED)["tool", "lookup"].status is PinStatus.REJECTED


def test_what_waited_and_was_taken_back_waits_under_another_name(acme: str) -> None:
    with in_tenant(acme):
        make_server()
        see(make_tool())
        see(WORSE)
        see(make_tool())
        assert see(make_tool(), RENAMED)["tool", "lookup"].status is PinStatus.QUARANTINED
        decide(services.approve_pins)
        assert (status(), ServerPin.objects.get(name="search").refused) == (PinStatus.APPROVED, None)
