"""Secrets in what servers send: what the tenant's action does to them, and that none stays in place."""

import hmac
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.decision.inbound.secrecy import find
from apps.decision.inbound.tests.build import KEY, ORDER, SALT, encoded, make_screen, said
from apps.decision.inbound.texts import Texts, remembered
from apps.decision.scan.custom import CustomPattern
from apps.decision.scan.patterns import made
from apps.decision.scan.scanner import PatternSetting, build_result_scanner, build_scanner
from apps.decision.scan.tests.secrets import BARE
from apps.decision.types import JSON, DlpAction, InboundAction, Severity, SourceRule, Tier

SCREEN = make_screen()
SCAN = build_result_scanner({}, (), DlpAction.REDACT)
MARK = f"[REDACTED:aws_access_key:{hmac.digest(SALT, KEY.encode(), 'sha256').hex()[:6]}]"
CARD = made.card("4", 16, "inbound")


@pytest.mark.parametrize("action", [DlpAction.LOG, DlpAction.REDACT, DlpAction.DENY])
def test_the_tenants_action_holds_for_what_would_stop_a_call(action: DlpAction) -> None:
    custom = (
        CustomPattern("badge", r"BDG-(\d{6})", Severity.HIGH, DlpAction.REDACT),
        CustomPattern("noted", r"NTD-(\d{6})", Severity.HIGH, DlpAction.LOG),
        CustomPattern("known", r"KNW-(\d{6})", Severity.LOW, DlpAction.ALLOW),
    )
    changed = {"ssn": PatternSetting(DlpAction.LOG), "email": PatternSetting(DlpAction.DENY, enabled=True)}
    scan = build_result_scanner(changed, custom, action)
    mail = "mara.lindt" + "@" + "kontor.de"
    text = f"{KEY} BDG-123456 NTD-123456 KNW-123456 {mail} ssn 536-22" + "-8417"
    found = {one.rule: one.action for one in scan(text)}
    assert found == {
        "aws_access_key": action,
        "badge": action,
        "noted": DlpAction.LOG,
        "known": DlpAction.ALLOW,
        "email": action,
        "ssn": DlpAction.LOG,
    }


def test_planted_values_are_no_secrets_in_results() -> None:
    planted = "blue" + "-harbour-" + "quartz-77"
    assert build_scanner(canaries={"wiki": planted})(planted)
    assert SCAN(planted) == ()


def test_logged_secrets_pass_and_denied_ones_are_taken_out_all_the_same() -> None:
    value = said(f"key {KEY}")
    logged = make_screen(DlpAction.LOG)(value, "files", SALT)
    assert (logged.value, logged.secrets_action) == (value, DlpAction.LOG)
    denied = make_screen(DlpAction.DENY)(value, "files", SALT)
    assert (denied.value, denied.secrets_action) == (said(f"key {MARK}"), DlpAction.DENY)


def test_placeholders_are_the_same_within_a_session_only() -> None:
    value = said(f"{KEY} and {KEY}", f"also {KEY}.")
    first = SCREEN(value, "files", SALT).value
    assert first == said(f"{MARK} and {MARK}", f"also {MARK}.")
    assert SCREEN(value, "other", SALT).value == first
    assert SCREEN(value, "files", b"another session's").value != first
    assert SCREEN(value, "files", b"").value["content"][1]["text"] == "also [REDACTED:aws_access_key]."


def test_json_stays_json_and_numbers_in_it_become_texts() -> None:
    inner = json.dumps({"card": int(CARD), "quote": f'"{KEY}"', KEY: [1, 2.5, None]})
    value = said(json.dumps({"inner": inner}), f'{{"line": 1}}\n{{"key": "{KEY}"}}\nand no more')
    clean = SCREEN(value, "files", SALT).value
    read = json.loads(json.loads(clean["content"][0]["text"])["inner"])
    assert read["card"].startswith("[REDACTED:credit_card:")
    assert (read["quote"], read[MARK]) == (f'"{MARK}"', [1, 2.5, None])
    assert clean["content"][1]["text"].split("\n")[1] == f'{{"key": "{MARK}"}}'


def test_secrets_in_keys_are_renamed_in_their_place() -> None:
    value = {"structuredContent": {"first": 1, KEY: {"in": f"x {KEY}"}, "last": 2}}
    clean = SCREEN(value, "files", SALT).value
    assert list(clean["structuredContent"].items()) == [("first", 1), (MARK, {"in": f"x {MARK}"}), ("last", 2)]


def test_a_blob_is_redacted_in_what_it_opens_to() -> None:
    value = {"contents": [{"uri": "f:a", "mimeType": "text/plain", "blob": encoded(f"häuser\n{KEY}\n")}]}
    screened = SCREEN(value, "files", SALT)
    assert screened.value["contents"][0] == value["contents"][0] | {"blob": encoded(f"häuser\n{MARK}\n")}
    assert [(one.path, one.rule) for one in screened.secrets] == [("$.contents[0].blob", "aws_access_key")]


@pytest.mark.parametrize("cut", [4, 10, 19])
def test_a_secret_cut_over_items_or_messages_is_taken_out_of_both(cut: int) -> None:
    halves = said(f"my key {KEY[:cut]}", f"{KEY[cut:]} ok")
    assert SCREEN(halves, "files", SALT).value == said(f"my key {MARK}", f"{MARK} ok")
    before = remembered(remembered("", {"data": "hello"}), {"level": "info", "data": f"my key {KEY[:cut]}"})
    for earlier in (before, f"hello my key {KEY[:cut]}"):
        screened = SCREEN({"level": "info", "data": f"{KEY[cut:]} ok"}, "files", SALT, earlier)
        assert (screened.value["data"], screened.secrets_action) == (f"{MARK} ok", DlpAction.REDACT)
        assert [(one.path, one.start, one.end) for one in screened.secrets] == [("$.data", 0, len(KEY) - cut)]


@pytest.mark.parametrize(
    "texts", [("{}\u200b", "{}"), ("{}", "\ufeff\u200b{}"), ("{}", "\u200b", "{}"), ("{}", "", "{}")]
)
def test_what_nobody_sees_parts_no_secret(texts: tuple[str, ...]) -> None:
    halves = iter((KEY[:10], KEY[10:]))
    told = [text.format(next(halves)) if "{}" in text else text for text in texts]
    clean = [item["text"] for item in SCREEN(said(*told), "files", SALT).value["content"]]
    assert clean == [text.replace("{}", MARK) for text in texts]
    before = remembered("", {"data": f"my key {KEY[:9]}\u200b"})
    assert SCREEN({"data": f"\u200b{KEY[9:]} ok"}, "files", SALT, before).value == {"data": f"\u200b{MARK} ok"}


def test_secrets_are_looked_for_where_there_is_no_text() -> None:
    screened = SCREEN({"content": [], "stopReason": f"a/{KEY}"}, "files", SALT)
    assert screened.value == {"content": [], "stopReason": f"a/{MARK}"}


def test_a_whole_number_is_read_however_it_is_written() -> None:
    for written in (f"{CARD}.0", f"{CARD[0]}.{CARD[1:]}e15", CARD):
        value = json.loads(f'{{"structuredContent": {{"card": {written}, "n": 1.5}}}}')
        clean = SCREEN(value, "files", SALT).value["structuredContent"]
        assert clean["card"].startswith("[REDACTED:credit_card:") and clean["card"].endswith("]")
        assert clean["n"] == 1.5


@pytest.mark.parametrize(
    "text",
    ['Result: {{"k":"{}"}}', '```json\n{{"k":"{}"}}\n```', '{{"k":"{}","k":"x"}}', "b'{}'", '"{{\\"k\\":\\"{}\\"}}"'],
)
@pytest.mark.parametrize("escape", ["\\u00{:02x}", "\\\\u00{:02X}", "\\x{:02x}"])
def test_escapes_in_prose_hide_no_secret(text: str, escape: str) -> None:
    hidden = KEY[:11] + escape.format(ord(KEY[11])) + KEY[12:]
    screened = SCREEN(said(text.format(hidden)), "files", SALT)
    assert [one.rule for one in screened.secrets] == ["aws_access_key"]
    assert KEY[12:] not in screened.value["content"][0]["text"]


def test_hosts_that_are_told_of_hold_no_secret() -> None:
    token = "ghp_" + made.chars(made.ALNUM, 36, "hosts")
    text = f"{ORDER}: https://{token}.evil.example/ https://other.example/"
    blocking = (SourceRule("r", "domain", "other.example", Tier.BLOCK),)
    for action in (DlpAction.REDACT, DlpAction.DENY, DlpAction.LOG):
        for rules in ((), blocking):
            screened = make_screen(action, source_rules=rules)(said(text), "files", SALT)
            assert token[4:].lower() not in " ".join(screened.domains).lower()
            assert "other.example" in screened.domains


def test_a_secret_that_was_read_before_is_not_found_again() -> None:
    assert SCREEN({"data": "and more"}, "files", SALT, remembered("", {"data": f"{KEY} "})).secrets == ()


def test_a_crowd_of_look_alikes_is_withheld_where_secrets_matter() -> None:
    value = said("4111111111111111 " * 30_000)
    screened = SCREEN(value, "files", SALT)
    assert (screened.action, screened.findings[0].rule) == (InboundAction.WITHHOLD, "scan_limit")
    assert screened.value == screened.sanitised == said("[REMOVED:scan_limit]")
    logged = make_screen(DlpAction.LOG)(value, "files", SALT)
    assert (logged.action, logged.secrets_action) == (InboundAction.ALLOW, DlpAction.LOG)
    assert logged.value == value


def test_a_page_of_customers_is_redacted_and_not_withheld() -> None:
    rows = [{"id": number, "card": made.card("4", 16, str(number))} for number in range(1_500)]
    screened = SCREEN({"structuredContent": {"rows": rows}}, "files", SALT)
    assert (screened.action, screened.secrets_action) == (InboundAction.ALLOW, DlpAction.REDACT)
    assert all(row["card"].startswith("[REDACTED:") for row in screened.value["structuredContent"]["rows"])


_TEXT = st.text(max_size=20)


@st.composite
def results(draw: st.DrawFn) -> JSON:
    """JSON with secrets in strings, keys, JSON in strings, base64; MCP's own names among its own."""
    source = random.Random(draw(st.integers(0, 10_000)))
    secret = st.sampled_from(sorted(BARE)).map(lambda name: BARE[name](source))
    plain = st.builds(lambda a, s, b: f"{a} {s} {b}", _TEXT, secret, _TEXT) | secret | _TEXT
    safe = plain.filter(lambda text: text.isascii())
    text = plain | safe.map(encoded) | st.just(ORDER) | st.integers(4, 12).map(lambda cut: KEY[:cut])
    names = st.sampled_from(("content", "text", "blob", "data", "mimeType", "type", "structuredContent"))
    return draw(
        st.recursive(
            text | st.integers() | st.none(),
            lambda inner: (
                st.lists(inner, max_size=4) | st.dictionaries(names | text, inner, max_size=4) | inner.map(json.dumps)
            ),
            max_leaves=8,
        )
    )


@settings(max_examples=80, deadline=None)
@given(results(), st.sampled_from(("", f"so {KEY[:9]}", KEY, remembered("", {"data": KEY[:7]}))))
def test_no_secret_that_is_found_stays_in_place(value: JSON, before: str) -> None:
    screened = SCREEN(value, "files", SALT, before)
    _, left = find(screened.value, Texts(screened.value), SCAN, SALT, before)
    assert [one.finding for one in left if one.finding.action is DlpAction.REDACT] == []
    if screened.action is InboundAction.WITHHOLD:
        _, left = find(screened.sanitised, Texts(screened.sanitised), SCAN, SALT, before)
        assert [one.finding for one in left if one.finding.action is DlpAction.REDACT] == []


@settings(max_examples=60, deadline=None)
@given(results())
def test_json_in_strings_is_json_after_redaction(value: JSON) -> None:
    text = json.dumps({"told": value})
    clean = SCREEN(said(text), "files", SALT).value["content"][0]["text"]
    assert json.loads(clean) is not None
