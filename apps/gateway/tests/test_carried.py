"""What the last calls carried: sealed per tenant and agent, bounded, gone after minutes, and never a reason to fail."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest
from django.conf import settings
from redis.asyncio import Redis

from apps.decision.fragments import MAX_BYTES, MAX_CALLS, SECONDS, build_fragments
from apps.decision.types import Pieces
from apps.gateway import carried
from apps.gateway.carried import Carried, Owner, Parcel, Record
from apps.gateway.redis_line import RedisLine

FRAGMENTS = build_fragments()
PING = b"*1\r\n$4\r\nPING\r\n"
START = FRAGMENTS.pieces({"text": "ghp_" + "a1b2"})


def pieces(text: str) -> Pieces:
    return FRAGMENTS.pieces({"text": text})


@pytest.fixture
def owner() -> Owner:
    return "t_acme", secrets.token_hex(8)


@pytest.fixture
async def line() -> AsyncIterator[RedisLine]:
    line = RedisLine(settings.REDIS_URL)
    await line.command(PING)
    yield line
    await line.close()


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(settings.REDIS_URL)
    yield client
    await client.aclose()


def put(one: Carried, parcel: Parcel | None) -> None:
    assert parcel is not None
    one.send(parcel)


async def stored(redis: Redis, owner: Owner) -> list[bytes]:
    await asyncio.sleep(0)
    rows = await redis.lrange(f"{owner[0]}:carried:{owner[1]}", 0, -1)
    return [row for row in rows if isinstance(row, bytes)]


async def test_another_process_reads_what_one_has_sent(line: RedisLine, redis: Redis, owner: Owner) -> None:
    one, two = Carried(line), Carried(line)
    put(one, one.add(*owner, START, True))
    put(one, one.add(*owner, pieces("c3D4e5"), False))
    await line.command(PING)
    records = await stored(redis, owner)
    blob = b"".join(records)
    assert two.read(*owner, blob) == one.read(*owner, blob) == (START, pieces("c3D4e5"))
    assert b"ghp_" not in blob
    assert two.read(*owner, records[1]) == ()  # nothing begins there


async def test_it_is_known_here_at_once_and_not_once_it_is_withdrawn(line: RedisLine, owner: Owner) -> None:
    one = Carried(line)
    parcel = one.add(*owner, START, True)
    assert parcel is not None
    assert one.since(*owner, ()) == (START,)
    assert one.since(*owner, (parcel.record.pieces,)) == (START,)
    assert one.since("t_globex", owner[1], ()) == ()
    one.withdraw(parcel)
    assert one.since(*owner, ()) == ()


async def test_a_message_that_is_judged_again_is_carried_once(line: RedisLine, redis: Redis, owner: Owner) -> None:
    one, message = Carried(line), object()
    parcel = one.add(*owner, START, True, message)
    assert parcel is not None
    one.send(parcel)
    await line.command(PING)
    earlier = one.read(*owner, b"".join(await stored(redis, owner)))
    assert one.since(*owner, earlier, message) == ()
    assert one.add(*owner, START, True, message) is None
    assert one.since(*owner, earlier, object()) == (START,)


async def test_nothing_is_kept_from_before_a_beginning_or_for_too_long(line: RedisLine, owner: Owner) -> None:
    def sealed(age: float, opens: bool, text: str) -> bytes:
        return carried._seal(owner, Record(time.time() - age, opens, pieces(text)))

    blob = (
        sealed(SECONDS + 1, True, "ghp_1")
        + sealed(9, False, "b2C3")
        + sealed(5, True, "ghp_2")
        + sealed(2, False, "x9Y8")
    )
    assert [one[0].text for one in Carried(line).read(*owner, blob)] == ["ghp_2", "x9Y8"]


async def test_redis_keeps_so_many_calls_and_bytes_and_no_more(line: RedisLine, redis: Redis, owner: Owner) -> None:
    one = Carried(line)
    for number in range(MAX_CALLS + 8):
        put(one, one.add(*owner, pieces(f"ghp_{number}"), True))
    await line.command(PING)
    assert len(await stored(redis, owner)) == MAX_CALLS
    for number in range(12):
        put(one, one.add(*owner, pieces(f"{number}" + "aB3" * 500), False))
    await line.command(PING)
    records = await stored(redis, owner)
    assert 1 < len(records) < 12
    assert sum(map(len, records)) <= MAX_BYTES
    assert 0 < await redis.ttl(f"{owner[0]}:carried:{owner[1]}") <= SECONDS


async def test_what_cannot_be_opened_is_as_if_it_were_not_there(line: RedisLine, owner: Owner) -> None:
    one = Carried(line)
    parcel = one.add(*owner, START, True)
    assert parcel is not None
    record = parcel.sealed
    spoilt = record[:-1] + bytes([record[-1] ^ 1])
    reader = Carried(line)
    assert reader.read(*owner, spoilt + record) == (START,)
    for blob in (b"\0", record[:10], record[:4], b"\0\0\0\0", record + b"\0\0\xff\xff"):
        assert reader.read(*owner, blob) in ((), (START,))
    assert reader.read("t_globex", owner[1], record) == ()
    assert reader.read(owner[0], "another", record) == ()
