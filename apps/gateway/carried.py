"""What the last calls of an agent carried, in Redis: sealed, bounded, and gone after minutes.

It arrives with the one round trip of a call and is opened once per process. What a call adds is sent without waiting,
and known at once to the calls that this process judges meanwhile.
"""

import os
import struct
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.decision.fragments import MAX_BYTES, MAX_CALLS, SECONDS
from apps.decision.pieces import piece
from apps.decision.types import Pieces
from apps.gateway.counters import carried_key
from apps.gateway.redis_line import RedisLine
from apps.tenants.sealing import derived_key

AGENTS_KEPT: Final = 2000
SOON_SECONDS: Final = 2.0  # by then every call that was on its way has seen what was sent
_NONCE: Final = 12
Owner = tuple[str, str]  # schema and agent

# KEYS: what the agent's calls carried. ARGV: one more, calls and bytes to keep, seconds.
ADD: Final = """
redis.call('RPUSH', KEYS[1], ARGV[1])
local records, size = redis.call('LRANGE', KEYS[1], -tonumber(ARGV[2]), -1), 0
local kept = 0
for i = #records, 1, -1 do
  size = size + #records[i]
  if size > tonumber(ARGV[3]) then break end
  kept = kept + 1
end
redis.call('LTRIM', KEYS[1], -math.max(kept, 1), -1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return kept
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What one call carried. `opens`: a secret may begin in it."""

    at: float
    opens: bool
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record of this process. `source` is the message, which may be judged again."""

    owner: Owner
    record: Record
    sealed: bytes
    source: object


class Carried:
    """Belongs to one event loop."""

    def __init__(self, line: RedisLine) -> None:
        self._line = line
        self._opened: OrderedDict[Owner, tuple[bytes, tuple[Record, ...]]] = OrderedDict()
        self._recent: dict[Owner, list[Parcel]] = {}

    def read(self, schema: str, agent_id: str, blob: bytes) -> tuple[Pieces, ...]:
        """What Redis said, from the first call on in which a secret may have begun."""
        owner = (schema, agent_id)
        known = self._opened.get(owner)
        if known is None or known[0] != blob:
            known = (blob, self._open(owner, blob, known))
            self._opened[owner] = known
            while len(self._opened) > AGENTS_KEPT:
                self._opened.popitem(last=False)
        return _from_the_beginning(known[1])

    def since(
        self, schema: str, agent_id: str, earlier: tuple[Pieces, ...], source: object = None
    ) -> tuple[Pieces, ...]:
        """The same with what was added here meanwhile, and without what this very message carried the last time."""
        recent = self._recent.get((schema, agent_id))
        if recent is None:
            return earlier
        self._forget((schema, agent_id), time.time())
        own = [one.record.pieces for one in recent if one.source is source and source is not None]
        if own:
            earlier = tuple(known for known in earlier if not any(known is one for one in own))
            recent = [one for one in recent if one.source is not source]
        more = [one.record for one in recent if not any(one.record.pieces is known for known in earlier)]
        if earlier:
            return (*earlier, *(record.pieces for record in more))
        return _from_the_beginning(tuple(more))

    def add(self, schema: str, agent_id: str, pieces: Pieces, opens: bool, source: object = None) -> Parcel | None:
        """Known from now on to this process; on its way with `send`, or forgotten with `withdraw`. None: it was sent,
        and is judged again."""
        owner, record = (schema, agent_id), Record(time.time(), opens, pieces)
        if source is not None and any(one.source is source for one in self._recent.get(owner, ())):
            return None
        parcel = Parcel(owner, record, _seal(owner, record), source)
        if len(self._recent) > AGENTS_KEPT:
            for other in list(self._recent):
                self._forget(other, record.at)
        self._recent.setdefault(owner, []).append(parcel)
        return parcel

    def send(self, parcel: Parcel) -> None:
        """Every later command of this process finds it in Redis."""
        if len(parcel.sealed) <= MAX_BYTES:
            limits = (MAX_CALLS, MAX_BYTES, SECONDS)
            self._line.tell(_command(carried_key(*parcel.owner), parcel.sealed, limits))

    def withdraw(self, parcel: Parcel) -> None:
        """Nothing of it has left."""
        recent = self._recent.get(parcel.owner, [])
        recent[:] = [one for one in recent if one is not parcel]
        if not recent:
            self._recent.pop(parcel.owner, None)

    def _forget(self, owner: Owner, now: float) -> None:
        recent = self._recent[owner]
        recent[:] = [one for one in recent if now - one.record.at < SOON_SECONDS]
        if not recent:
            del self._recent[owner]

    def _open(self, owner: Owner, blob: bytes, known: tuple[bytes, tuple[Record, ...]] | None) -> tuple[Record, ...]:
        """Only what was not opened before, or made here, is."""
        here = {one.sealed: one.record for one in self._recent.get(owner, ())}
        if known is not None:
            here.update(zip(_split(known[0]), known[1], strict=True))
        return tuple(here.get(sealed) or _unseal(owner, sealed) for sealed in _split(blob))


def _from_the_beginning(records: tuple[Record, ...]) -> tuple[Pieces, ...]:
    oldest = time.time() - SECONDS
    fresh = [record for record in records if record.at >= oldest]
    first = next((number for number, record in enumerate(fresh) if record.opens), len(fresh))
    return tuple(record.pieces for record in fresh[first:])


@lru_cache(maxsize=1024)
def _cipher(schema: str) -> AESGCM:
    return AESGCM(derived_key(f"{schema}:carried"))


def _seal(owner: Owner, record: Record) -> bytes:
    """Length, nonce, ciphertext: records can stand behind one another."""
    schema, agent_id = owner
    rows = [(one.name, one.text, one.starts) for one in record.pieces]
    nonce = os.urandom(_NONCE)
    body = _cipher(schema).encrypt(nonce, orjson.dumps((record.at, record.opens, rows)), agent_id.encode())
    return struct.pack(">I", _NONCE + len(body)) + nonce + body


def _unseal(owner: Owner, sealed: bytes) -> Record:
    """What cannot be opened (the installation's key is a new one) is as if it were too old."""
    schema, agent_id = owner
    try:
        plain = _cipher(schema).decrypt(sealed[4 : 4 + _NONCE], sealed[4 + _NONCE :], agent_id.encode())
    except (InvalidTag, ValueError):
        return Record(0.0, False, ())
    at, opens, rows = orjson.loads(plain)
    pieces = tuple(piece(name, text, tuple((rule, place) for rule, place in starts)) for name, text, starts in rows)
    return Record(at, opens, pieces)


def _split(blob: bytes) -> list[bytes]:
    records, at = [], 0
    while at + 4 <= len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4])
        records.append(blob[at:end])
        at = end
    return records


def _command(key: str, record: bytes, limits: tuple[int, ...]) -> bytes:
    parts = [b"EVAL", ADD.encode(), b"1", key.encode(), record, *(str(limit).encode() for limit in limits)]
    return b"".join([b"*%d\r\n" % len(parts), *[b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]])
