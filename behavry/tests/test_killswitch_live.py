"""The kill switch against real processes: under load, through restarts, and with Redis emptied or away.

`python -m bench --only killswitch` is the long version of the first.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from apps.exceptions.services import break_glass, fleet, kill_switch
from apps.tenants import services as tenants
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import FleetStop
from behavry import embedded
from behavry.tests.house import House, Upstream
from behavry.tests.test_faults import eventually, post
from bench import killswitch as trials

WHY = "A trial of the kill switch."
pytestmark = pytest.mark.processes


def answer(house: House, n: int) -> str:
    """What a call comes to: done, stopped, or the status of an error."""
    try:
        found = post(house, n)
    except httpx.HTTPError:
        return "broken"
    if found.status_code != 200:
        return str(found.status_code)
    result = found.json()["result"]
    return "done" if not result["isError"] else "stopped" if "kill_switch" in found.text else "denied"


@pytest.fixture
def nobody_stopped(fresh_tenant: Callable[[], str]) -> Iterator[None]:
    """The fleet's row is everybody's: gone at the end, whatever happened."""
    yield
    with in_operator():
        FleetStop.objects.all().delete()


@pytest.mark.slow
def test_no_call_is_forwarded_after_the_answer(fresh_tenant: Callable[[], str], tmp_path: Path) -> None:
    with trials.stage(tmp_path) as stage:
        done, bystander = trials.run(stage, 3)
    assert [trial.late for trial in done] == [0, 0, 0]
    assert all(trial.announced for trial in done)
    assert all(trial.refused < float("inf") for trial in done)
    assert bystander["refused"] == 0
    assert bystander["forwarded"] > 0


def test_it_survives_restarts_and_an_emptied_redis(
    tenant_house: tuple[str, House], upstream: Upstream, tmp_path: Path
) -> None:
    schema, house = tenant_house
    port = embedded.free_port()
    with embedded.redis_server(tmp_path / "redis", port=port, password="of-this-test") as redis_url:
        house.env = {**house.env, "REDIS_URL": redis_url}
        house.start()
        assert answer(house, 1) == "done"
        with in_tenant(schema):
            kill_switch.engage(reason=WHY, actor="user:one")  # tells another Redis than the gateway's
        assert answer(house, 2) in {"stopped", "503"}
        assert eventually(lambda: answer(house, 3) == "stopped")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        assert answer(house, 4) == "stopped"
        house.stop()
        house.start()
        assert answer(house, 5) == "stopped"
    assert answer(house, 6) == "503"
    with embedded.redis_server(tmp_path / "redis", port=port, password="of-this-test"):
        assert eventually(lambda: answer(house, 7) != "503")
        assert answer(house, 8) == "stopped"
        with in_tenant(schema):
            kill_switch.release(reason="The trial is over.", actor="user:one")
        house.stop()
        house.start()
        assert eventually(lambda: answer(house, 9) == "done")
    assert upstream.seen == [1, 9]


def test_the_fleets_stop_holds_in_a_running_gateway_until_the_glass_is_broken(
    tenant_house: tuple[str, House], upstream: Upstream, nobody_stopped: None
) -> None:
    schema, house = tenant_house
    house.start()
    assert answer(house, 1) == "done"
    tenants.stop_fleet(reason=WHY, actor="operator:kim")
    with in_tenant(schema):
        assert fleet.tell()
    assert answer(house, 2) == "stopped"
    break_glass.break_glass(schema, reason=WHY, actor="operator:kim")
    assert answer(house, 3) == "done"
    break_glass.mend(schema, reason=WHY, actor="operator:kim")
    assert answer(house, 4) == "stopped"
    tenants.resume_fleet(reason="The trial is over.", actor="operator:kim")
    with in_tenant(schema):
        assert fleet.tell()
    assert eventually(lambda: answer(house, 5) == "done")
    assert set(upstream.seen) == {1, 3, 5}
