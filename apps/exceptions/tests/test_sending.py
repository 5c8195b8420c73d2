"""Parcels leave signed and once, follow nobody elsewhere, and no receiver can keep the sender waiting."""

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.agents import server_rules
from apps.exceptions import sending
from apps.exceptions.services import hooks
from apps.exceptions.services.deliveries import Parcel
from apps.exceptions.tests.receiver import Receiver, receiving

SECRET = b"signing" + b"-words"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def parcel(url: str) -> Parcel:
    return Parcel(uuid4(), uuid4(), "escalation.opened", url, SECRET, b'{"kind":"escalation.opened"}')


def outcome(url: str) -> tuple[int | None, str]:
    (found,) = sending.send([parcel(url)])
    return found.code, found.error


def test_it_signs_the_time_and_the_body(receiver: Receiver) -> None:
    sent = parcel(f"{receiver.url}/hook?team=blue")
    (found,) = sending.send([sent])
    assert (found.id, found.code, found.error, found.accepted) == (sent.id, 200, "", True)
    (got,) = receiver.received
    assert (got.path, got.body) == ("/hook?team=blue", sent.body)
    assert got.headers["X-Behavry-Delivery"] == str(sent.id)
    assert got.headers["X-Behavry-Kind"] == "escalation.opened"
    assert got.headers["Host"] == receiver.url.removeprefix("http://")
    parts = dict(part.split("=") for part in got.headers["X-Behavry-Signature"].split(","))
    signed = f"{parts['t']}.".encode() + got.body
    assert parts["v1"] == hmac.new(SECRET, signed, hashlib.sha256).hexdigest()


def test_it_signs_as_the_documentation_says(receiver: Receiver) -> None:
    text = (Path(__file__).parents[3] / "docs/escalations.md").read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.S)[-1], names)
    sending.send([parcel(receiver.url)])
    (got,) = receiver.received
    header = got.headers["X-Behavry-Signature"]
    assert names["is_genuine"](SECRET.decode(), header, got.body)
    assert not names["is_genuine"](SECRET.decode(), header, got.body + b" ")
    assert not names["is_genuine"]("another secret", header, got.body)
    assert not names["is_genuine"](SECRET.decode(), header, got.body, tolerance=-1)


def test_it_documents_every_kind() -> None:
    text = (Path(__file__).parents[3] / "docs/escalations.md").read_text()
    assert [kind for kind in hooks.KINDS if f"`{kind}`" not in text] == []


def test_it_takes_nothing_but_success_for_success(receiver: Receiver) -> None:
    receiver.answers.update({"/broken": 500, "/gone": 410, "/elsewhere": 302, "/accepted": 202})
    assert outcome(f"{receiver.url}/broken") == (500, "http_500")
    assert outcome(f"{receiver.url}/gone") == (410, "http_410")
    assert outcome(f"{receiver.url}/accepted") == (202, "")
    assert outcome(f"{receiver.url}/elsewhere") == (302, "http_302")
    assert "/there" not in [one.path for one in receiver.received]


def test_it_waits_for_nobody_for_long_and_lets_the_slow_hold_up_nobody_else(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 1.0)
    slow, quick = parcel(f"{receiver.url}/slow"), parcel(f"{receiver.url}/quick")
    assert [(one.id, one.code, one.error) for one in sending.send([slow, quick])] == [
        (slow.id, None, "timeout"),
        (quick.id, 200, ""),
    ]


def test_it_waits_no_longer_for_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def look(*_: object, **__: object) -> list[object]:
        answered.wait(20)
        return []

    monkeypatch.setattr(sending, "SECONDS", 0.2)
    monkeypatch.setattr("socket.getaddrinfo", look)
    began = time.monotonic()
    assert outcome("http://slow.test/hook") == (None, "timeout")
    assert time.monotonic() - began < 5
    answered.set()


def test_it_says_in_one_word_what_went_wrong(receiver: Receiver) -> None:
    assert outcome(f"{receiver.url}/nonsense") == (None, "no_http")
    assert outcome("http://127.0.0.1:1/hook") == (None, "no_connection")
    assert outcome(f"http://{'x' * 64}.test/hook") == (None, "not_sent")  # no name at all
    assert outcome(f"https://{receiver.url.removeprefix('http://')}/tls") == (None, "no_connection")


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0/", "http://[::ffff:169.254.169.254]/"]
)
def test_it_connects_to_no_address_that_only_ever_means_trouble(url: str) -> None:
    assert outcome(url) == (None, "address_not_allowed")


def test_it_checks_where_a_name_leads(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = receiver.url.replace("127.0.0.1", "localhost")
    assert outcome(f"{by_name}/named") == (200, "")
    assert receiver.received[-1].headers["Host"] == by_name.removeprefix("http://")
    monkeypatch.setattr(server_rules, "check_url", lambda url: {"url": "no"} if "127.0.0.1" in url else {})
    assert outcome(f"{by_name}/named") == (None, "address_not_allowed")


def test_it_does_nothing_for_nothing() -> None:
    assert sending.send([]) == []
