"""The last moment before a message leaves: what has become too old to send, and a kill switch engaged in between."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from apps.decision.errors import Outdated, UpstreamFailed
from apps.decision.types import Server
from apps.exceptions.models import KillSwitch
from apps.exceptions.services import kill_switch
from apps.gateway.limits import Limits
from apps.gateway.messages import Message
from apps.gateway.tests.conftest import CHILD, Caller, FakeUpstream, Tenant, eventually
from apps.gateway.transports.base import Reply
from apps.gateway.transports.child import Child
from apps.gateway.transports.http import HttpTransport
from apps.gateway.transports.stdio import Place, StdioTransport

CallerOf = Callable[..., Caller]
OPENING = Message("first", "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}})
WHY = "Somebody stops everything in between."


def certain() -> None:
    pass


def too_old() -> None:
    raise Outdated("too old")


# --- transports -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def http() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(Limits())
    await transport.open()
    yield transport
    await transport.close()


async def test_nothing_leaves_over_http_when_it_is_too_late(http: HttpTransport, upstream: FakeUpstream) -> None:
    server = Server("files", "filesystem", "http", enabled=True, url=upstream.url)
    body = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}'
    for number, sure in enumerate((too_old, certain, too_old, certain)):  # on new connections and on a pooled one
        if sure is certain:
            await http.post(server, body % number, {}, sure)
            continue
        with pytest.raises(Outdated):
            await http.post(server, body % number, {}, sure)
    assert [message["id"] for message in upstream.seen] == [1, 3]


async def test_no_stream_is_opened_and_no_session_ended_over_http_when_it_is_too_late(
    http: HttpTransport, upstream: FakeUpstream
) -> None:
    server = Server("files", "filesystem", "http", enabled=True, url=upstream.url)
    for sure in (too_old, certain, too_old, certain):
        for send in (http.listen, http.end):
            if sure is certain:
                found = await send(server, {}, sure)
                if isinstance(found, Reply):
                    await found.close()
                continue
            with pytest.raises(Outdated):
                await send(server, {}, sure)
    assert len(upstream.seen) == 4
    assert not any("Content-Type" in headers for headers in upstream.headers)


async def test_a_message_that_waited_for_its_turn_does_not_leave_when_it_is_too_late(tmp_path: Path) -> None:
    heard, go = tmp_path / "heard", tmp_path / "go"
    script = (
        "import pathlib, sys, time\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        f"for line in sys.stdin: open({str(heard)!r}, 'a').write(line[:5] + chr(10))\n"
    )
    ended = asyncio.Event()
    child = Child(Limits(), lambda message: None, ended.set)
    await child.start((sys.executable, "-c", script), {})
    first = asyncio.create_task(child.send(b"first" + b"x" * 500_000, certain))  # more than a pipe holds
    await asyncio.sleep(0)
    late = asyncio.create_task(child.send(b"late.", too_old))
    last = asyncio.create_task(child.send(b"last.", certain))
    done, _ = await asyncio.wait((first, late, last), timeout=0.2)
    assert not done
    go.touch()
    with pytest.raises(Outdated):
        await late
    await asyncio.gather(first, last)
    await eventually(lambda: heard.exists() and heard.read_text().count("\n") == 2)
    await child.close()
    assert heard.read_text().split() == ["first", "last."]


async def test_a_child_that_started_too_slowly_serves_the_next_attempt(tmp_path: Path) -> None:
    server = Server("child", "filesystem", "stdio", enabled=True, command=(sys.executable, str(CHILD)))
    stdio = StdioTransport(Limits())
    one, two, three = (Place("t_nobody", "agent", "child", session) for session in ("one", "two", "three"))
    try:
        with pytest.raises(Outdated):
            await stdio.open(one, server, OPENING, too_old)
        (pid,) = stdio.pids()
        assert not stdio.knows(one)
        with pytest.raises(Outdated):
            await stdio.open(two, server, OPENING, too_old)
        assert stdio.pids() == [pid]
        reply = await stdio.open(three, server, OPENING, certain)
        assert stdio.pids() == [pid]
        assert reply.message is not None and "result" in reply.message
        with pytest.raises(Outdated):
            await stdio.ask(three, server, Message(7, "tools/list", {}), {}, too_old)
        assert (await stdio.ask(three, server, Message(8, "tools/list", {}), {}, certain)).message is not None
    finally:
        await stdio.close()


async def test_a_session_is_not_opened_anew_when_it_is_too_late(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    script = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    message = json.loads(line)\n"
        f"    open({str(heard)!r}, 'a').write(message['method'] + chr(10))\n"
        "    if message['method'] == 'ping': break\n"
        "    if 'id' in message: print(json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': {}}), flush=True)\n"
    )
    server = Server("child", "filesystem", "stdio", enabled=True, command=(sys.executable, "-c", script))
    stdio, place = StdioTransport(Limits()), Place("t_nobody", "agent", "child", "one")
    try:
        await stdio.open(place, server, OPENING, certain)
        with pytest.raises(UpstreamFailed):  # it ends
            await stdio.ask(place, server, Message(1, "ping", {}), {}, certain)
        await asyncio.sleep(0.6)  # and rests
        with pytest.raises(Outdated):
            await stdio.ask(place, server, Message(2, "tools/list", {}), {}, too_old)
        assert heard.read_text().split() == ["initialize", "ping"]
        assert (await stdio.ask(place, server, Message(3, "tools/list", {}), {}, certain)).message is not None
    finally:
        await stdio.close()
    assert heard.read_text().split()[2:] == ["initialize", "notifications/initialized", "tools/list"]


# --- whole calls ----------------------------------------------------------------------------------------------------


@pytest.fixture
def switch(tenant: Tenant) -> Iterator[Callable[[], bool]]:
    """Engages; whatever is engaged at the end is released, since other tests use the tenant."""

    def engage() -> bool:
        return tenant.inside(lambda: kill_switch.engage(reason=WHY, actor="user:one"))

    def release() -> None:
        if KillSwitch.objects.filter(released_at__isnull=True).exists():
            kill_switch.release(reason="The test is over.", actor="user:one")

    yield engage
    tenant.inside(release)


def decisions(tenant: Tenant) -> list[tuple[str, str]]:
    """What was decided, with whether the log already held the stop."""
    found, stopped = [], "before"
    for row in tenant.log("call.decision", "kill_switch.engaged"):
        if row["kind"] == "kill_switch.engaged":
            stopped = "after"
        else:
            found.append((stopped, row["policy_result"]))
    return found


async def test_a_stop_in_force_is_refused_in_its_own_words(
    tenant: Tenant, other_tenant: Tenant, upstream: FakeUpstream, caller_of: CallerOf, switch: Callable[[], bool]
) -> None:
    for one in (tenant, other_tenant):
        one.server(transport="http", url=upstream.url)
    callers = [caller_of(one, one.agent("filesystem:read")[1]) for one in (tenant, other_tenant)]
    assert await asyncio.to_thread(switch) is True
    refused, other = [(await caller.call("read_file")).json()["result"] for caller in callers]
    assert refused["isError"] is True
    assert "All agents are stopped" in refused["content"][0]["text"]
    assert other["isError"] is False
    assert upstream.methods == ["tools/call"]
    (entry,) = tenant.log("call.decision")
    assert (entry["policy_id"], entry["stage"]) == ("kill_switch.tenant", "kill_switch")


async def test_a_stop_between_the_facts_and_the_log_is_obeyed(
    tenant: Tenant, upstream: FakeUpstream, caller_of: CallerOf, switch: Callable[[], bool]
) -> None:
    tenant.server(transport="http", url=upstream.url)
    caller = caller_of(tenant, tenant.agent("filesystem:read")[1])
    assert (await caller.call("read_file")).status_code == 200
    with psycopg.connect(os.environ["BEHAVRY_OWNER_DATABASE_URL"]) as holding:
        holding.execute(f"SELECT FROM {tenant.schema}.audit_head FOR UPDATE")
        engaging = asyncio.create_task(asyncio.to_thread(switch))
        await waiting(1)
        calling = asyncio.create_task(caller.call("read_file"))
        await waiting(2)  # judged by the rules of before, and behind the stop in the queue for the log
    assert "All agents are stopped" in (await calling).json()["result"]["content"][0]["text"]
    await engaging
    assert upstream.methods == ["tools/call"]
    assert decisions(tenant) == [("before", "allow"), ("after", "deny")]


async def test_a_stop_between_the_log_and_the_upstream_is_obeyed(
    tenant: Tenant, caller_of: CallerOf, switch: Callable[[], bool]
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        crowd = [_knock(port) for _ in range(3)]  # fills the queue: who comes now is not let in
        tenant.server(transport="http", url=f"http://127.0.0.1:{port}/mcp")
        caller = caller_of(tenant, tenant.agent("filesystem:read")[1])
        calling = asyncio.create_task(caller.call("read_file"))
        await eventually(lambda: decisions(tenant) == [("before", "allow")])
        assert await asyncio.to_thread(switch) is True
        for one in crowd:
            one.close()
        came = await asyncio.to_thread(_accept_all, listening)
        answer = (await calling).json()
    assert "All agents are stopped" in answer["result"]["content"][0]["text"], answer
    assert came == b""
    assert decisions(tenant) == [("before", "allow"), ("after", "deny")]


async def waiting(number: int) -> None:
    """Until this many wait for a lock of the log."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%audit_head%'"
    with psycopg.connect(os.environ["BEHAVRY_OWNER_DATABASE_URL"], autocommit=True) as watching:
        await eventually(lambda: watching.execute(query).fetchone() == (number,))


def _knock(port: int) -> socket.socket:
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    return one


def _accept_all(listening: socket.socket) -> bytes:
    """Let everybody in, and give back what they had to say."""
    listening.settimeout(1.2)
    came = b""
    for _ in range(4):
        try:
            one, _ = listening.accept()
        except TimeoutError:
            break
        one.settimeout(0.5)
        with suppress(TimeoutError, ConnectionError):
            came += one.recv(65536)
        one.close()
    return came
