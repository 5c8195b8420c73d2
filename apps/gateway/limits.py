"""The gateway's bounds in one place. What an operator may change comes from the settings; the rest is fixed here."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 30.0
    batch_messages: int = 50
    in_flight: int = 256
    streams: int = 512
    streams_per_agent: int = 128  # so that no agent takes them all
    visits_at_once: int = 100  # GET and DELETE of one agent, which its allowance of calls does not count
    visits_per_second: float = 2.0
    allowed_origins: frozenset[str] = frozenset()
    wait_for_outcome: bool = False
    # towards the upstream
    call_seconds: float = 60.0  # until an answer, and between two signs of life of a stream
    stream_seconds: float = 3600.0
    connect_seconds: float = 5.0
    answer_bytes: int = 16 * 1024 * 1024
    # sessions and children
    session_idle_seconds: int = 3600
    child_idle_seconds: float = 300.0
    child_rest_seconds: float = 30.0  # idle for so long, it may be ended to make room for another
    child_memory_bytes: int = 1024 * 1024 * 1024
    children: int = 64
    children_per_agent: int = 8
    # calls that wait for a person; how long they do is the tenant's setting
    hold_seconds: float = 3600.0  # at most
    hold_poll_seconds: float = 0.5
    hold_pulse_seconds: float = 5.0
    lease_seconds: float = 15.0  # after which the calls in flight of a process that died are forgotten
    # what is remembered between calls
    host_seconds: float = 5.0
    tokens: int = 10_000
    rulebooks: int = 256
    refusals_per_second: float = 20.0


def limits_from_settings() -> Limits:
    return Limits(
        body_bytes=settings.BEHAVRY_GATEWAY_MAX_BODY_BYTES,
        in_flight=settings.BEHAVRY_GATEWAY_MAX_IN_FLIGHT,
        call_seconds=float(settings.BEHAVRY_GATEWAY_UPSTREAM_TIMEOUT_SECONDS),
        allowed_origins=frozenset(settings.BEHAVRY_GATEWAY_ALLOWED_ORIGINS),
        children=settings.BEHAVRY_GATEWAY_MAX_CHILDREN,
        children_per_agent=settings.BEHAVRY_GATEWAY_MAX_CHILDREN_PER_AGENT,
        child_memory_bytes=settings.BEHAVRY_GATEWAY_CHILD_MEMORY_MB * 1024 * 1024,
        wait_for_outcome=settings.BEHAVRY_GATEWAY_WAIT_FOR_OUTCOME,
    )
