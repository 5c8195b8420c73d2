"""The sidecar client against a real OPA (skipped where there is none on the path) and a peer that misbehaves."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from apps.decision import pipeline
from apps.decision.facts import Human
from apps.decision.rego import compile_modules, load
from apps.decision.tests.builders import make_rulebook
from apps.decision.types import Effect
from apps.policies import base, opa, rulebook, services
from apps.policies.assembly import Source, assemble
from apps.policies.authorizer import FAILED, ruling_of
from apps.policies.tests.examples import allowing, document
from apps.policies.tests.inputs import documents
from apps.tenants.context import in_tenant

BY = "user:ada"
WRITES = document(action="write", resource_kind="filesystem", parameters={"path": "a"}, resource="a")
OPA = shutil.which("opa")
needs_opa = pytest.mark.skipif(OPA is None, reason="there is no `opa` on the path")


class Server:
    """An OPA that can be stopped and started again on the same port, as empty as it was born."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert OPA is not None
        command = [OPA, "run", "--server", "--addr", self.address, "--log-level", "error", "--disable-telemetry"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://{self.address}/health", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("opa did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    made = Server()
    made.start()
    settings.BEHAVRY_POLICY_ENGINE = "opa"
    settings.BEHAVRY_OPA_URL = f"http://{made.address}"
    yield made
    made.stop()
    opa.client_of(settings.BEHAVRY_OPA_URL, float(settings.BEHAVRY_OPA_TIMEOUT_SECONDS)).close()
    opa.client_of.cache_clear()


@needs_opa
@pytest.mark.processes
async def test_it_decides_as_the_rulebook_says(server: Server) -> None:
    remote = opa.authorizer("t_acme", [Source("late_hours", allowing())])
    ruling = await remote.ask(WRITES)
    assert (ruling.result, ruling.policy) == (Effect.ALLOW, "tenant.late_hours.all")
    assert remote(WRITES) == ruling


@needs_opa
@pytest.mark.processes
def test_it_brings_an_activated_policy_to_the_next_decision(acme: str, globex: str, server: Server) -> None:
    assert rulebook.load(acme, human=Human).authorize(WRITES).policy == "default"
    with in_tenant(acme):
        made = services.create(name="x", content=allowing(), actor=BY)
        services.activate(made.pk, actor=BY)
    book = rulebook.load(acme, human=Human)
    assert book.authorize_async is not None
    assert book.authorize(WRITES).policy == "tenant.late_hours.all"
    assert rulebook.load(globex, human=Human).authorize(WRITES).policy == "default"
    with in_tenant(acme):
        services.archive(made.pk, actor=BY)
    assert rulebook.load(acme, human=Human).authorize(WRITES).policy == "default"


@needs_opa
@pytest.mark.processes
def test_it_takes_away_the_older_rulebooks_of_its_own_tenant(server: Server) -> None:
    opa.authorizer("t_globex", [])
    opa.authorizer("t_acme", [])
    opa.authorizer("t_acme", [Source("late_hours", allowing())])
    listed = httpx.get(f"http://{server.address}/v1/policies").json()["result"]
    roots = {tuple(policy["id"].split("/")[:2]) for policy in listed}
    assert sorted(tenant for tenant, _ in roots) == ["t_acme", "t_globex"]


@needs_opa
@pytest.mark.processes
def test_it_denies_while_opa_is_away_and_recovers_when_it_returns_empty(server: Server) -> None:
    remote = opa.authorizer("t_acme", [Source("late_hours", allowing())])
    assert remote(WRITES).result is Effect.ALLOW
    server.stop()
    assert remote(WRITES) == FAILED
    server.start()
    assert remote(WRITES).result is Effect.ALLOW


@needs_opa
@pytest.mark.processes
@pytest.mark.slow
def test_it_agrees_with_the_generated_python(server: Server) -> None:
    ours, theirs = load(compile_modules(base.modules(), [base.ENTRYPOINT])), opa.authorizer("t_acme", [])
    for one in documents(1000, seed=3, hard=True):
        assert theirs(one) == ruling_of(ours.evaluate(base.ENTRYPOINT, one)), one


class Peer(BaseHTTPRequestHandler):
    """Answers every request with the next of `answers`; the last one stays."""

    answers: list[tuple[int, bytes, float]]
    asked: list[str]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(f"{self.command} {self.path.split('/')[2]}")
        status, body, delay = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        time.sleep(delay)
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may have given up
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: Any) -> None:
        pass


Make = Callable[..., tuple[opa.OpaAuthorizer, list[str]]]


@pytest.fixture
def peer() -> Iterator[Make]:
    running: list[tuple[ThreadingHTTPServer, httpx.Client]] = []

    def make(*answers: tuple[int, bytes, float], timeout: float = 2.0) -> tuple[opa.OpaAuthorizer, list[str]]:
        asked: list[str] = []
        handler = type("ThisPeer", (Peer,), {"answers": list(answers), "asked": asked})
        listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}).start()
        client = httpx.Client(base_url=f"http://127.0.0.1:{listening.server_port}", timeout=timeout)
        running.append((listening, client))
        return opa.OpaAuthorizer(client, "t_acme", assemble([]), timeout), asked

    yield make
    for listening, client in running:
        client.close()
        listening.shutdown()
        listening.server_close()


GOOD = json.dumps({"result": {"result": "allow", "reason": "r", "policy": "p", "verdicts": []}}).encode()


def test_it_never_leaves_a_rulebook_in_part_that_could_decide(peer: Make) -> None:
    """If a module does not get through, the one that decides is not sent; what is taken away loses it first."""
    remote, asked = peer((200, b"{}", 0), (200, b"{}", 0), (200, b"{}", 0), (400, b"{}", 0))
    with pytest.raises(httpx.HTTPStatusError):
        remote.push()
    assert len(asked) == 4 < len(assemble([]))
    order = sorted(assemble([Source("x", allowing("x"))]), key=opa._turn)
    assert order[-2:] == ["behavry/contributions.rego", "behavry/main.rego"]


def test_it_tries_once_more_when_opa_is_overloaded(peer: Make) -> None:
    remote, asked = peer((503, b"", 0), (200, GOOD, 0))
    assert remote(WRITES).result is Effect.ALLOW
    assert asked == ["POST data", "POST data"]


def test_it_gives_up_after_the_second_try(peer: Make) -> None:
    remote, asked = peer((503, b"", 0))
    assert remote(WRITES) == FAILED
    assert asked == ["POST data", "POST data"]


@pytest.mark.parametrize(
    "answer",
    [(200, b"not json", 0), (200, b"[]", 0), (200, b'{"result": true}', 0), (200, b'{"result": {"reason": "r"}}', 0),
     (400, b"{}", 0), (302, b"", 0), (200, b'{"result": null}', 0), (200, b"\xff", 0)],
)  # fmt: skip
def test_it_denies_whatever_is_no_decision(peer: Make, answer: tuple[int, bytes, float]) -> None:
    remote, _ = peer(answer)
    assert remote(WRITES) == FAILED


async def test_it_denies_when_opa_is_too_slow(peer: Make) -> None:
    remote, _ = peer((200, GOOD, 0.5), timeout=0.1)
    assert await pipeline.ask(_book(remote), WRITES) == FAILED


def _book(remote: opa.OpaAuthorizer) -> Any:
    return make_rulebook(authorize=remote, authorize_async=remote.ask)


def test_it_moves_modules_under_another_root() -> None:
    text = (
        "package behavry.a\n\nimport data.behavry.words\n\n"
        'x := "data.behavry.b" # data.behavry.c\n\n'
        "y if data.behavry.d[data.behavry.e]\n"
    )
    assert opa.moved(text, ("t_acme", "r_1")) == (
        "package t_acme.r_1.behavry.a\n\nimport data.t_acme.r_1.behavry.words\n\n"
        'x := "data.behavry.b" # data.behavry.c\n\n'
        "y if data.t_acme.r_1.behavry.d[data.t_acme.r_1.behavry.e]\n"
    )


def test_it_decides_alike_under_another_root() -> None:
    """Moving changes names and nothing else, for every module of a rulebook."""
    prefix = ("t_acme", "r_1")
    modules = assemble([Source("late_hours", allowing())])
    here = load(compile_modules(modules, [base.ENTRYPOINT]))
    entrypoint = f"data.t_acme.r_1.{base.ENTRYPOINT.removeprefix('data.')}"
    there = load(compile_modules({name: opa.moved(text, prefix) for name, text in modules.items()}, [entrypoint]))
    for one in documents(100, seed=5):
        assert here.evaluate(base.ENTRYPOINT, one) == there.evaluate(entrypoint, one)
