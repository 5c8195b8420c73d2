"""The payload modes: never more than asked for, and never less without saying so."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from apps.audit.payload import Kept, LocalKeys, keep, reveal
from apps.decision.errors import Unavailable
from apps.decision.types import Finding, PayloadMode

ARGUMENTS = {"path": "/srv/a", "ratio": 0.5, "body": "sensitive words"}


def redact(value: Any, findings: Sequence[Finding]) -> Any:
    if findings:
        raise ValueError("a place that is not there")
    return {**value, "body": "[REDACTED]"}


class NoKeys:
    name = "away"

    def wrap(self, key: bytes, *, context: str) -> bytes:
        raise Unavailable("the key service is away")

    def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        raise Unavailable("the key service is away")


def kept(mode: PayloadMode, provider: Any = None, findings: Sequence[Any] = ()) -> Kept:
    return keep(ARGUMENTS, findings, mode, redact=redact, provider=provider or LocalKeys(), context="t_acme")


def test_it_keeps_nothing_by_default() -> None:
    assert kept(PayloadMode.METADATA_ONLY) == Kept(None, {})


def test_it_keeps_all_or_a_redacted_copy_when_asked() -> None:
    assert kept(PayloadMode.FULL).payload == ARGUMENTS
    assert kept(PayloadMode.REDACTED).payload == {**ARGUMENTS, "body": "[REDACTED]"}


def test_it_keeps_only_metadata_when_redaction_fails() -> None:
    found = kept(PayloadMode.REDACTED, findings=["x"])
    assert found == Kept(None, {"payload": "metadata_only", "payload_reason": "redaction failed"})


@pytest.mark.parametrize("mode", [PayloadMode.FULL, PayloadMode.REDACTED, PayloadMode.ENCRYPTED])
def test_it_keeps_only_metadata_of_what_cannot_be_written(mode: PayloadMode) -> None:
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    found = keep(deep, (), mode, redact=redact, provider=LocalKeys(), context="t_acme")
    assert found == Kept(None, {"payload": "metadata_only", "payload_reason": "cannot be written"})


def test_it_encrypts_so_that_only_this_tenant_can_read() -> None:
    one, two = kept(PayloadMode.ENCRYPTED).payload, kept(PayloadMode.ENCRYPTED).payload
    assert b"sensitive" not in orjson.dumps(one)
    assert one["key"] != two["key"]
    assert one["data"] != two["data"]
    assert reveal(one, provider=LocalKeys(), context="t_acme") == ARGUMENTS
    with pytest.raises(Unavailable):
        reveal(one, provider=LocalKeys(), context="t_globex")
    with pytest.raises(Unavailable):
        reveal({**one, "data": two["data"]}, provider=LocalKeys(), context="t_acme")
    with pytest.raises(Unavailable):
        reveal({**one, "key": "!"}, provider=LocalKeys(), context="t_acme")


def test_it_falls_back_to_metadata_and_says_so_when_the_key_is_away() -> None:
    found = kept(PayloadMode.ENCRYPTED, NoKeys())
    assert found == Kept(None, {"payload": "metadata_only", "payload_reason": "key unavailable"})


def test_it_reads_a_plain_payload_as_it_is() -> None:
    assert reveal(ARGUMENTS, provider=NoKeys(), context="t_acme") == ARGUMENTS
