"""What a person is shown of a withheld result: the orders marked where they stand, and no secret anywhere."""

import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apps.decision.inbound.screen import build_screen
from apps.decision.scan.injection.scanner import build_injection_scanner
from apps.decision.scan.patterns import made
from apps.decision.scan.places import text_at
from apps.decision.scan.scanner import SCAN_LIMIT, build_result_scanner, build_scanner
from apps.decision.types import DlpAction, Finding, InboundAction, InboundFinding, Screened, Severity
from apps.exceptions.services.withheld_words import AROUND, PASSAGE, shown_inbound, shown_result
from apps.exceptions.tests.withholding import ORDER, result_of

SCAN = build_scanner()
PATH = "$.content[0].text"
KEY = "AKIA" + "Q3ZXVBNM7WKYZ2BT"


def order(start: int, end: int, path: str = PATH, kind: str = "imperative_command") -> InboundFinding:
    return InboundFinding(kind, "rule", Severity.CRITICAL, path, start, end)


def secret(start: int, end: int, path: str = PATH) -> Finding:
    return Finding("dlp", "token", Severity.HIGH, DlpAction.REDACT, path, "***", start=start, end=end)


def screened(
    text: str, *findings: InboundFinding, secrets: tuple[Finding, ...] = (), sanitised: str = "gone"
) -> Screened:
    return Screened(
        result_of(text), InboundAction.WITHHOLD, findings=findings, secrets=secrets, sanitised=result_of(sanitised)
    )


def nothing(value: Any) -> tuple[Finding, ...]:
    return ()


def test_it_marks_what_was_found_and_masks_secrets() -> None:
    text = f"Key {KEY} stands. {ORDER}! End."
    at = text.index(ORDER)
    given_ = screened(text, order(at, at + len(ORDER)), sanitised=f"Key {KEY} stands. […]! End.")
    found = shown_result(result_of(text), given_, SCAN)
    (passage,) = found["passages"]
    assert [kind for kind, *_ in passage["original"]] == ["text", "secret", "text", "injection", "text"]
    assert ["injection", "imperative_command", ORDER] in passage["original"]
    assert "[…]! End." in passage["sanitised"]
    assert KEY not in repr(found)
    assert found["original"]["content"][0]["text"].endswith(f"{ORDER}! End.")


def test_a_secret_within_an_order_is_masked() -> None:
    text = f"{ORDER} and send {KEY} away"
    found = shown_result(result_of(text), screened(text, order(0, len(text))), SCAN)
    assert KEY not in repr(found)
    assert [kind for kind, *_ in found["passages"][0]["original"]] == ["injection", "secret", "injection"]


def test_it_shows_nothing_that_could_not_be_searched_for_secrets() -> None:
    limit = Finding("dlp", SCAN_LIMIT, Severity.CRITICAL, DlpAction.DENY, "$", "***")
    text = f"{ORDER} {KEY}"
    for given_, scan in (
        (screened(text, order(0, 5), secrets=(limit,)), nothing),
        (screened(text, order(0, 5)), lambda value: (limit,)),
    ):
        found = shown_result(result_of(text), given_, scan)
        assert found == {"searched": False, "passages": [], "original": None, "sanitised": None}


def test_it_shows_what_is_near_where_the_text_is_long() -> None:
    filler = "lorem ipsum " * 10_000
    text = filler + ORDER + filler + ORDER + filler
    first, second = text.index(ORDER), text.rindex(ORDER)
    findings = [order(at, at + len(ORDER)) for at in (first, second)]
    given_ = screened(text, *findings, sanitised=text.replace(ORDER, "[…]"))
    (passage,) = shown_result(result_of(text), given_, nothing)["passages"]
    kinds = [kind for kind, *_ in passage["original"]]
    assert kinds == ["gap", "text", "injection", "text", "gap", "text", "injection", "text", "gap"]
    assert sum(len(text) for *_, text in passage["original"]) == 4 * AROUND + 2 * len(ORDER)
    assert "[…]" in passage["sanitised"]
    assert len(passage["sanitised"]) <= PASSAGE + 2


def test_it_is_bounded_however_much_was_found() -> None:
    content = [{"type": "text", "text": f"{ORDER} " * 2_000} for _ in range(50)]
    findings = tuple(
        order(n * 33, n * 33 + len(ORDER), f"$.content[{at}].text") for at in range(50) for n in range(2_000)
    )
    given_ = Screened({"content": content}, InboundAction.WITHHOLD, findings=findings, sanitised={"content": []})
    found = shown_result({"content": content}, given_, nothing)
    assert len(repr(found)) < 1_000_000
    assert len(shown_inbound(findings)) == 100


def test_it_reads_the_paths_that_the_scanners_write() -> None:
    value = {"a": {"b c": [{"x": "one"}]}, "long" * 30: {"y": "two"}, "n": [["three"]]}
    assert text_at(value, '$.a["b c"][0].x') == "one"
    assert text_at(value, "${1}.y") == "two"
    assert text_at(value, "$.n[0][0]") == "three"
    for nowhere in ("$", "$.a", "$.missing", "$.n[7]", "$.n.x", "${9}", "rubbish", '$["unclosed'):
        assert text_at(value, nowhere) is None
    assert text_at("bare", "$") == "bare"


@given(
    st.text(max_size=60),
    st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70), st.booleans()), max_size=12),
)
def test_every_character_is_shown_once_or_masked_as_a_secret(text: str, marks: list[tuple[int, int, bool]]) -> None:
    orders = [order(start, end) for start, end, hidden in marks if not hidden] or [order(0, 1)]
    secrets = tuple(secret(start, end) for start, end, hidden in marks if hidden and 0 <= start < end <= len(text))
    # Nothing was taken out where secrets are only logged: their places are those of the value.
    given_ = replace(screened(text, *orders, secrets=secrets), secrets_action=DlpAction.LOG)
    (passage,) = shown_result(result_of(text), given_, nothing)["passages"]
    pieces = passage["original"]
    masked = {at for one in secrets for at in range(one.start, one.end)}
    plain = text.replace("\0", "\u2400")
    assert "".join(piece for *_, piece in pieces) == "".join(c for at, c in enumerate(plain) if at not in masked)


def test_what_is_shown_is_the_value_without_any_secret_however_many_there_were() -> None:
    source = random.Random(7)
    keys = ["AKIA" + "".join(source.choices("ABCDEFGHJKLMNPQRSTUVWXYZ234567", k=16)) for _ in range(60)]
    cut = "ghp_" + made.chars(made.ALNUM, 36, "shown")
    text = "\n".join(keys) + f" {ORDER} tail {cut[:15]}"
    value = result_of(text)
    value["content"].append({"type": "text", "text": f"{cut[15:]} end"})
    screen = build_screen(build_injection_scanner(()), build_result_scanner({}, (), DlpAction.REDACT))
    found = shown_result(value, screen(value, "files", b"salt"), SCAN)
    assert not any(key in repr(found) for key in (*keys, cut[:15], cut[15:]))
    (passage,) = found["passages"][:1]
    (marked,) = [text for kind, _, text in passage["original"] if kind == "injection"]
    assert marked.startswith(ORDER)
    assert sum(kind == "secret" for kind, *_ in passage["original"]) == 61


@given(st.lists(st.tuples(st.sampled_from(("plain ", "é", "\n", "a")), st.booleans()), max_size=8))
def test_a_mark_finds_its_place_between_secrets(pieces: list[tuple[str, bool]]) -> None:
    def made_of(secret: str) -> str:
        return "".join(word + secret * hidden for word, hidden in pieces)

    came, clean = (f"{made_of(secret)}{ORDER}{made_of(secret)}" for secret in (KEY, "[REDACTED:token:0a1b2c]"))
    at = came.index(ORDER)
    given_ = replace(screened(clean, order(at, at + len(ORDER))), secrets_action=DlpAction.REDACT)
    (passage,) = shown_result(result_of(came), given_, nothing)["passages"]
    assert [text for kind, _, text in passage["original"] if kind == "injection"] == [ORDER]
