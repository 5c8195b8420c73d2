"""What is counted of callers: one script, one round trip, exact over all processes, by the clock of Redis.

Nothing is counted when the rulebook moved: the caller's limits may have moved with it, so it is asked again.
"""

from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Final

from apps.decision.rates import Allowance
from apps.gateway.redis_line import RedisValue, encoded
from apps.tenants.context import tenant_key

REQUESTER_SECONDS: Final = 900
REQUESTERS_KEPT: Final = 10_000

# A lease is one number, tenths of a second until it ends and how many calls it covers: until * 100000 + calls.
_OTHERS: Final = """
local function others(key, me, tenth)
  local told, sum = redis.call('HGETALL', key), 0
  for i = 1, #told, 2 do
    if told[i] ~= me then
      local lease = tonumber(told[i + 1])
      if lease >= tenth * 100000 then sum = sum + lease % 100000 else redis.call('HDEL', key, told[i]) end
    end
  end
  return sum
end
"""

# KEYS: rulebook version, times of the agent's calls, its calls in flight by process, the session's calls, the
#       requesters it served, whether results of it are withheld, what its last calls carried, an MCP session.
# ARGV: version at hand, calls allowed, window (µs), calls at once, this process, lease (tenths of a second), how long
#       an idle MCP session is kept, cost, calls in flight here with this one, requester, whether more is charged for
#       a request that has been let in.
# Returns the version alone if it is another one, else version, calls in the window (or -1: too often, -2: too many at
# once, then microseconds to wait), calls in the session, distinct requesters (negative: this one is new), nothing or
# whether results are withheld (W or -) before what the last calls carried, MCP session.
GATHER: Final = (
    _OTHERS
    + """
local version = redis.call('GET', KEYS[1])
if version ~= ARGV[1] then return {version} end
local cost, calls, session, distinct = tonumber(ARGV[8]), 0, 0, 0
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if cost > 0 then
  local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
  local wait, code = false, -1
  if cost > limit then
    wait = window
  else
    local earlier = redis.call('LINDEX', KEYS[2], cost - limit - 1)
    if earlier and now - earlier < window then wait = earlier + window - now end
  end
  local own, tenth = tonumber(ARGV[9]), math.floor(now / 100000)
  if not wait and others(KEYS[3], ARGV[5], tenth) + own > tonumber(ARGV[4]) then wait, code = 1000000, -2 end
  if wait then
    if ARGV[11] == '1' then redis.call('RPOP', KEYS[2]) end
    return {version, code, wait}
  end
  redis.call('HSET', KEYS[3], ARGV[5], (tenth + ARGV[6]) * 100000 + own)
  redis.call('PEXPIRE', KEYS[3], ARGV[6] * 100)
  for _ = 1, cost do calls = redis.call('RPUSH', KEYS[2], now) end
  if calls > limit then
    redis.call('LTRIM', KEYS[2], -limit, -1)
    calls = limit
  end
  for _ = 1, 100 do
    if now - redis.call('LINDEX', KEYS[2], 0) < window then break end
    redis.call('LPOP', KEYS[2])
    calls = calls - 1
  end
  redis.call('PEXPIRE', KEYS[2], math.ceil(window / 1000))
  session = redis.call('INCRBY', KEYS[4], cost)
  if session == cost then redis.call('EXPIRE', KEYS[4], 86400) end
end
if ARGV[10] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - SECONDS000000)
  local added = redis.call('ZADD', KEYS[5], now, ARGV[10])
  redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -KEPT - 1)
  redis.call('EXPIRE', KEYS[5], SECONDS)
  distinct = redis.call('ZCARD', KEYS[5])
  if added == 1 then distinct = -distinct end
end
local known, carried = false, redis.call('LRANGE', KEYS[7], 0, -1)
local withheld = redis.call('EXISTS', KEYS[6]) == 1
if withheld or carried[1] then known = (withheld and 'W' or '-') .. table.concat(carried) end
if not KEYS[8] then return {version, calls, session, distinct, known} end
local mcp = redis.call('HMGET', KEYS[8], 'agent', 'server', 'upstream', 'version')
if mcp[1] then redis.call('EXPIRE', KEYS[8], ARGV[7]) end
return {version, calls, session, distinct, known, mcp}
""".replace("SECONDS", str(REQUESTER_SECONDS)).replace("KEPT", str(REQUESTERS_KEPT))
)
_SHA: Final = sha1(GATHER.encode(), usedforsecurity=False).hexdigest()
LOAD: Final = encoded("SCRIPT", "LOAD", GATHER)

# KEYS: calls in flight of some agents. ARGV: this process, lease (tenths of a second), the count for each key.
TELL: Final = """
local time = redis.call('TIME')
local ends = time[1] * 10 + math.floor(time[2] / 100000) + ARGV[2]
for i, key in ipairs(KEYS) do
  if ARGV[i + 2] == '0' then
    redis.call('HDEL', key, ARGV[1])
  else
    redis.call('HSET', key, ARGV[1], ends * 100000 + ARGV[i + 2])
    redis.call('PEXPIRE', key, ARGV[2] * 100)
  end
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What Redis counted for one request. `wait_us` is set when it was refused: too often, or too many at once."""

    calls_in_window: int = 0
    calls_in_session: int = 0
    distinct_requesters: int = 0
    new_requester: bool = False
    wait_us: int = 0
    too_many_at_once: bool = False
    withheld: bool = False  # results of this agent's calls
    carried: bytes = b""  # what its last calls carried, sealed
    mcp: RedisValue = None


NOTHING: Final = Counted()


def version_key(schema: str) -> str:
    return tenant_key(schema, "rulebook_version")


def in_flight_key(schema: str, agent_id: str) -> str:
    return tenant_key(schema, "in_flight", agent_id)


def withheld_key(schema: str, agent_id: str) -> str:
    """Set, with an expiry, while results of the agent's calls wait for a person or for the agent to come again."""
    return tenant_key(schema, "withheld", agent_id)


def carried_key(schema: str, agent_id: str) -> str:
    return tenant_key(schema, "carried", agent_id)


def mcp_session_key(schema: str, session_id: str) -> str:
    return tenant_key(schema, "mcp_session", session_id)


def hashed(schema: str, agent_id: str, requester_id: str) -> str:
    """Redis holds no names of people, and a digest from one tenant says nothing in another."""
    return sha256(f"{schema}\n{agent_id}\n{requester_id}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def standing_part(
    schema: str,
    agent_id: str,
    session_id: str,
    mcp_session: str,
    version: int,
    allowed: Allowance,
    more: tuple[str, ...],
) -> bytes:
    """The command up to what differs from call to call, which is `changing_part`. `more`: process, lease, idle."""
    keys = [
        version_key(schema),
        tenant_key(schema, "calls", agent_id),
        in_flight_key(schema, agent_id),
        tenant_key(schema, "session_calls", session_id),
        tenant_key(schema, "requesters", agent_id),
        withheld_key(schema, agent_id),
        carried_key(schema, agent_id),
    ]
    if mcp_session:
        keys.append(mcp_session_key(schema, mcp_session))
    limits = (version, allowed.calls, allowed.window_us, allowed.concurrent)
    parts: tuple[str | int, ...] = ("EVALSHA", _SHA, len(keys), *keys, *limits, *more)
    _, _, rest = encoded(*parts).partition(b"\r\n")
    return b"*%d\r\n%b" % (len(parts) + 4, rest)


def changing_part(cost: int, in_flight: int, requester: str, more: bool) -> bytes:
    if cost == 1 and not requester and not more:
        return b"$1\r\n1\r\n$5\r\n%05d\r\n$0\r\n\r\n$1\r\n0\r\n" % in_flight
    _, _, rest = encoded(cost, in_flight, requester, int(more)).partition(b"\r\n")
    return rest


def read(answer: list[RedisValue]) -> Counted:
    """The script's answer, after the version."""
    calls, session = answer[1], answer[2]
    if not isinstance(calls, int) or not isinstance(session, int):
        raise ValueError("not the script's answer")
    if calls < 0:
        return Counted(wait_us=max(1, session), too_many_at_once=calls == -2)
    distinct, known = answer[3], answer[4]
    if not isinstance(distinct, int):
        raise ValueError("not the script's answer")
    mcp = answer[5] if len(answer) > 5 else None
    if not isinstance(known, bytes):
        return Counted(calls, session, abs(distinct), distinct < 0, mcp=mcp)
    return Counted(calls, session, abs(distinct), distinct < 0, withheld=known[:1] == b"W", carried=known[1:], mcp=mcp)
