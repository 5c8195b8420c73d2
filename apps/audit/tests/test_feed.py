"""The live feed, over both doors: no gap, no duplicate, nothing for strangers, nothing held while idle."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore

from apps.audit import feed, stream
from apps.audit.appender import Appender, redis_nudge
from apps.audit.consumers import AuditFeed
from apps.audit.tests.builders import app_dsn, make_entry
from apps.tenants.context import in_tenant
from apps.tenants.redis import async_redis


def sign_in(schema: str, role: str | None) -> str:
    """A session cookie of a new person with this role."""
    with in_tenant(schema):
        user, made = get_user_model().objects.get_or_create(username=f"feed-{role}")
        if made:
            user.set_unusable_password()
            user.save()
            if role:
                user.groups.add(Group.objects.get_or_create(name=role)[0])
        session = SessionStore()
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = django_settings.AUTHENTICATION_BACKENDS[0]
        session["_auth_user_hash"] = user.get_session_auth_hash()
        session.save()
        return f"sessionid={session.session_key}"


def headers(schema: str, cookie: str, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    host = schema.removeprefix("t_").replace("_", "-")
    return [(b"host", f"{host}.test:8000".encode()), (b"cookie", cookie.encode()), *more]


def web_socket(given: list[tuple[bytes, bytes]], query: bytes = b"") -> Any:
    scope = {
        "type": "websocket", "path": "/api/v1/audit/feed", "headers": given, "query_string": query,
        "subprotocols": [], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    return ApplicationCommunicator(AuditFeed.as_asgi(), scope)  # type: ignore[no-untyped-call]  # untyped there


class Subscriber:
    """Speaks ASGI to the event stream and collects what it sends."""

    def __init__(self, given: list[tuple[bytes, bytes]], query: bytes = b"", method: str = "GET") -> None:
        self.scope = {
            "type": "http", "method": method, "path": stream.PATH, "headers": given, "query_string": query,
            "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task = asyncio.create_task(stream.stream(self.scope, self._receive, self.sent.put))
        self.text = ""
        self.status = 0

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def until(self, done: Callable[["Subscriber"], bool]) -> "Subscriber":
        async with asyncio.timeout(20):
            while not done(self):
                message = await self.sent.get()
                self.status = message.get("status", self.status)
                self.text += message.get("body", b"").decode()
        return self

    @property
    def ids(self) -> list[int]:
        return [int(line[4:]) for line in self.text.splitlines() if line.startswith("id: ")]

    async def leave(self) -> None:
        self.gone.set()
        async with asyncio.timeout(20):
            await self.task


@asynccontextmanager
async def writing() -> AsyncIterator[Callable[[str, int], Awaitable[None]]]:
    client = async_redis()
    appender = Appender(app_dsn(), nudge=redis_nudge(client))

    async def write(schema: str, count: int) -> None:
        await asyncio.gather(*(appender.append(schema, make_entry()) for _ in range(count)))

    yield write
    await appender.close()
    await client.aclose()


def test_it_sends_what_happens_and_resumes_where_it_stopped(log: str) -> None:
    cookie = sign_in(log, "viewer")

    async def main() -> None:
        async with writing() as write:
            one = Subscriber(headers(log, cookie))
            await one.until(lambda s: "retry" in s.text)
            await write(log, 20)
            await one.until(lambda s: len(s.ids) >= 20)
            await one.leave()
            await write(log, 5)
            last = str(one.ids[-1]).encode()
            two = Subscriber(headers(log, cookie, (b"last-event-id", last)))
            await two.until(lambda s: len(s.ids) >= 5)
            await write(log, 3)
            await two.until(lambda s: len(s.ids) >= 8)
            await two.leave()
            assert one.ids + two.ids == list(range(9, 37))
            data = [line for line in one.text.splitlines() if line.startswith("data: ")]
            assert json.loads(data[0][6:])["seq"] == 9
            assert "event: tool_call" in one.text

    asyncio.run(main())


def test_it_catches_up_from_any_distance(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "TAIL", 4)
    monkeypatch.setattr(feed, "CHUNK", 3)
    cookie = sign_in(log, "viewer")

    async def main() -> None:
        async with writing() as write:
            early = Subscriber(headers(log, cookie), b"after=0")
            await early.until(lambda s: len(s.ids) >= 8)
            await write(log, 30)
            late = Subscriber(headers(log, cookie), b"after=2")
            for subscriber, first in ((early, 1), (late, 3)):
                await subscriber.until(lambda s: bool(s.ids) and s.ids[-1] == 38)
                assert subscriber.ids == list(range(first, 39))
                await subscriber.leave()

    asyncio.run(main())


def test_it_says_that_it_is_alive_and_holds_no_thread_per_subscriber(log: str, settings: LazySettings) -> None:
    settings.BEHAVRY_SSE_KEEPALIVE_SECONDS = 0.05
    cookie = sign_in(log, "viewer")

    async def main() -> None:
        before = threading.active_count()
        many = [Subscriber(headers(log, cookie)) for _ in range(20)]
        for subscriber in many:
            await subscriber.until(lambda s: ": keep-alive" in s.text)
        assert threading.active_count() - before <= 1
        for subscriber in many:
            await subscriber.leave()
        assert not feed.hub()._rooms

    asyncio.run(main())


def test_it_finds_news_without_redis(log: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.05)
    cookie = sign_in(log, "viewer")

    async def main() -> None:
        appender = Appender(app_dsn())
        one = Subscriber(headers(log, cookie))
        await one.until(lambda s: "retry" in s.text)
        await appender.append(log, make_entry())
        await one.until(lambda s: s.ids == [9])
        await one.leave()
        await appender.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("role", "host", "extra", "method", "status"),
    [
        (None, "", (), "GET", 403),
        ("viewer", "t_nowhere", (), "GET", 404),
        ("viewer", "t_acme", (), "GET", 401),
        ("viewer", "", ((b"last-event-id", b"x"),), "GET", 400),
        ("viewer", "", ((b"authorization", b"Bearer nonsense"),), "GET", 401),
        ("viewer", "", (), "POST", 405),
    ],
)
def test_it_turns_strangers_away(log: str, role: str | None, host: str, extra: Any, method: str, status: int) -> None:
    cookie = sign_in(log, role)

    async def main() -> None:
        one = Subscriber(headers(host or log, cookie, *extra), method=method)
        await one.task
        await one.until(lambda s: s.text != "")
        assert (one.status, json.loads(one.text)["status"]) == (status, status)

    asyncio.run(main())


def test_it_keeps_tenants_apart(log: str, fresh_tenant: Callable[[], str]) -> None:
    other = fresh_tenant()
    ours, theirs = sign_in(log, "viewer"), sign_in(other, "viewer")

    async def main() -> None:
        async with writing() as write:
            one, two = Subscriber(headers(log, ours)), Subscriber(headers(other, theirs))
            for subscriber in (one, two):
                await subscriber.until(lambda s: "retry" in s.text)
            await asyncio.gather(write(log, 10), write(other, 10))
            await one.until(lambda s: len(s.ids) >= 10)
            await two.until(lambda s: len(s.ids) >= 10)
            await asyncio.gather(one.leave(), two.leave())
            assert (one.ids, two.ids) == (list(range(9, 19)), list(range(1, 11)))
            assert f'"tenant":"{other}"' not in one.text
            assert f'"tenant":"{log}"' not in two.text

    asyncio.run(main())


def test_it_feeds_websockets_too(log: str) -> None:
    cookie = sign_in(log, "viewer")

    async def main() -> None:
        async with writing() as write:
            socket = web_socket(headers(log, cookie), b"after=6")
            await socket.send_input({"type": "websocket.connect"})
            assert (await socket.receive_output(5))["type"] == "websocket.accept"
            await write(log, 2)
            messages = [json.loads((await socket.receive_output(5))["text"]) for _ in range(4)]
            assert [message["id"] for message in messages] == [7, 8, 9, 10]
            assert messages[0]["entry"]["seq"] == 7
            await socket.send_input({"type": "websocket.disconnect", "code": 1000})
            await socket.wait(5)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("role", "extra", "code"),
    [
        (None, (), 4403),
        ("viewer", ((b"origin", b"https://evil.example"),), 4403),
        ("viewer", ((b"cookie", b""),), 4401),
    ],
)
def test_it_closes_the_websockets_of_strangers(log: str, role: str | None, extra: Any, code: int) -> None:
    cookie = sign_in(log, role)

    async def main() -> None:
        socket = web_socket(headers(log, cookie, *extra))
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(5))["type"] == "websocket.accept"
        assert (await socket.receive_output(5))["code"] == code
        await socket.send_input({"type": "websocket.disconnect", "code": code})
        await socket.wait(5)

    asyncio.run(main())
