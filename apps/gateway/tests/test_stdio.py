"""Stdio backends through the gateway: real child processes, their limits, and that none of them stays behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, Tenant, events_of, eventually

CallerOf = Callable[..., Caller]
WARDEN = Path(__file__).parent.parent / "transports" / "warden.py"


@pytest.fixture
def ready(tenant: Tenant) -> Tenant:
    tenant.stdio("child")
    return tenant


@pytest.fixture
def caller(ready: Tenant, caller_of: CallerOf) -> Caller:
    _, token = ready.agent("filesystem:*")
    return caller_of(ready, token, "child")


def said(answer: object) -> str:
    return str(events_of(answer)[-1]["result"]["content"][0]["text"])  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_a_session_has_a_child_of_its_own_until_it_ends(caller: Caller, gateway: Gateway) -> None:
    answer = await caller.initialize()
    assert answer.json()["result"]["protocolVersion"] == "2025-11-25"
    assert caller.session
    pid = int(said(await caller.call("read_pid")))
    assert int(said(await caller.call("read_pid"))) == pid
    ended = await caller.client.delete(f"http://{caller.host}/mcp/v1/child", headers=caller.headers())
    assert ended.status_code == 200
    await eventually(lambda: not alive(pid))
    assert gateway.children == []
    assert (await caller.call("read_pid")).status_code == 404


async def test_a_stateless_client_shares_one_child_per_agent(ready: Tenant, caller_of: CallerOf) -> None:
    _, one = ready.agent("filesystem:*")
    _, other = ready.agent("filesystem:*")
    pids = [
        int(said(await caller_of(ready, token, "child").stateless("tools/call", {"name": "read_pid"})))
        for token in (one, one, other)
    ]
    assert pids[0] == pids[1] != pids[2]


async def test_ids_and_progress_tokens_of_concurrent_calls_are_kept_apart(caller: Caller) -> None:
    async def call(id: object, token: object) -> list[dict[str, object]]:
        params = {"name": "read_progress", "arguments": {}, "_meta": {"progressToken": token}}
        return events_of(await caller.stateless("tools/call", params, id))

    first, second = await asyncio.gather(call("same", "t"), call("same", "t"))
    for events in (first, second):
        assert [e.get("method", "answer") for e in events] == ["notifications/progress"] * 2 + ["answer"]
        assert {json.dumps(e["params"]["progressToken"]) for e in events[:2]} == {'"t"'}  # type: ignore[index]
        assert events[-1]["id"] == "same"


async def test_a_request_of_the_server_reaches_the_client_and_its_answer_the_server(
    caller: Caller, ready: Tenant
) -> None:
    await caller.initialize()
    calling = asyncio.create_task(caller.call("read_ask"))
    await eventually(lambda: [e for e in ready.log("message.recorded") if e["method"] == "elicitation/create"])
    answer = {"jsonrpc": "2.0", "id": 77, "result": {"action": "accept", "content": {"a": 1}}}
    assert (await caller.send(answer)).status_code == 202
    events = events_of(await calling)
    assert events[0]["method"] == "elicitation/create"
    assert json.loads(events[-1]["result"]["content"][0]["text"]) == answer
    assert [e["method"] for e in ready.log("message.recorded")][-1] == "response"


async def test_a_broken_stream_is_resumed_where_it_broke(caller: Caller, ready: Tenant, gateway: Gateway) -> None:
    await caller.initialize()
    await caller.ask("tools/list")  # known tools begin their stream at once
    whole = await caller.ask("tools/call", {"name": "read_progress", "_meta": {"progressToken": 1}})
    assert whole.text.startswith("id: ")
    ids = [line[4:] for line in whole.text.splitlines() if line.startswith("id: ")]
    assert len(ids) == 4
    url = f"http://{caller.host}/mcp/v1/child"
    rest = await caller.client.get(url, headers=caller.headers(Last_Event_ID=ids[1]))
    assert events_of(rest) == events_of(whole)[1:]
    assert [line[4:] for line in rest.text.splitlines() if line.startswith("id: ")] == ids[2:]


async def test_a_child_sees_the_registrys_environment_and_path_only(tenant: Tenant, caller_of: CallerOf) -> None:
    tenant.stdio("child", environment={"API_KEY": "of the registry"})
    _, token = tenant.agent("filesystem:*")
    caller = caller_of(tenant, token, "child")
    await caller.initialize()
    seen = json.loads(said(await caller.call("read_environment")))
    assert {name for name in seen if name != "LC_CTYPE"} == {"API_KEY", "PATH"}


async def test_a_child_that_dies_is_replaced_and_its_session_goes_on(caller: Caller, ready: Tenant) -> None:
    await caller.initialize()
    pid = int(said(await caller.call("read_pid")))
    died = await caller.call("read_exit")
    assert (died.status_code, died.json()["error"]["code"]) == (502, -32006)

    async def called() -> int:
        answer = await caller.call("read_pid")
        return int(said(answer)) if answer.status_code == 200 else 0

    replaced = 0
    for _ in range(40):
        replaced = await called()
        if replaced:
            break
        await asyncio.sleep(0.1)
    assert replaced not in (0, pid)
    outcomes = await eventually(lambda: [o for o in ready.log("call.outcome") if o["tool_name"] == "read_exit"])
    assert [o["error"] for o in outcomes] == ["upstream_ended"]


async def test_a_child_that_keeps_dying_is_started_ever_less_often(tenant: Tenant, caller_of: CallerOf) -> None:
    tenant.stdio("child", "--dies")
    _, token = tenant.agent("filesystem:*")
    caller = caller_of(tenant, token, "child")
    answers = [await caller.initialize() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 502, 502]
    assert answers[1].json()["error"]["data"]["code"] == "upstream_ended"
    assert answers[2].json()["error"]["data"]["code"] == "upstream_keeps_ending"
    assert int(answers[2].headers["retry-after"]) >= 1


@pytest.mark.parametrize("tool", ["read_flood", "read_memory"])
async def test_a_child_over_its_limits_fails_its_call_only(caller: Caller, tool: str) -> None:
    await caller.initialize()
    answer = await caller.call(tool)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == -32006


async def test_a_call_that_takes_too_long_is_given_up(caller: Caller, ready: Tenant) -> None:
    await caller.initialize()
    answer = await caller.call("read_silence")
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, -32007)
    outcomes = await eventually(lambda: [o for o in ready.log("call.outcome") if o["tool_name"]])
    assert [o["response_code"] for o in outcomes] == [504]


async def test_a_command_that_does_not_exist_is_a_clear_error(tenant: Tenant, caller_of: CallerOf) -> None:
    tenant.server("gone", transport="stdio", command=["/nowhere/at-all"])
    _, token = tenant.agent("filesystem:*")
    answer = await caller_of(tenant, token, "gone").initialize()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, -32006)


async def test_closing_the_gateway_leaves_no_process_of_any_family(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:*")
    async with Gateway() as gateway:
        import httpx

        async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway)) as client:
            caller = Caller(client, ready.host, token, "child")
            await caller.initialize()
            family = json.loads(said(await caller.call("read_family")))
        assert all(alive(pid) for pid in family)
    assert not any(alive(pid) for pid in family)


async def test_an_idle_child_is_ended(ready: Tenant, caller: Caller, gateway: Gateway) -> None:
    pid = int(said(await caller.stateless("tools/call", {"name": "read_pid"})))
    await asyncio.sleep(0.6)
    assert gateway._parts is not None
    await gateway._parts.upstreams.stdio.reap()
    assert not alive(pid)


def test_the_family_dies_with_a_killed_gateway() -> None:
    """The parent is killed as the kernel kills; only the closing of its lifeline can tell the warden."""
    script = (
        "import os, subprocess, sys, time\n"
        "theirs, ours = os.pipe()\n"
        "p = subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1], str(theirs), '1000000000', '--', 'sh', '-c',"
        " 'sleep 600 & setsid sleep 600 & echo $$ $!; wait'], pass_fds=(theirs,), stdout=subprocess.PIPE)\n"
        "print(p.pid, p.stdout.readline().decode().strip(), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(WARDEN)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
    asyncio.run(_gone(pids))


async def _gone(pids: list[int]) -> None:
    await eventually(lambda: not any(alive(pid) for pid in pids))
