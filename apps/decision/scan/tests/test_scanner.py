"""Where findings are said to be, what they keep to themselves, and what a tenant can change."""

import base64
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.scan.custom import CustomPattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS, made
from apps.decision.scan.scanner import SCAN_LIMIT, PatternSetting, build_scanner, strongest
from apps.decision.scan.walk import Flat, code_points
from apps.decision.types import JSON, DlpAction, Finding, Severity

SCAN = build_scanner()
KEY = "AKIA" + made.chars(made.BASE32, 16, "scanner")


def only(value: JSON) -> Finding:
    (finding,) = SCAN(value)
    return finding


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (KEY, "$"),
        ({"a": {"b": [1, None, KEY]}}, "$.a.b[2]"),
        ([[KEY]], "$[0][0]"),
        ({"odd key": {'quo"te': KEY}}, '$["odd key"]["quo\\"te"]'),
        ({"": KEY}, '$[""]'),
        ({"é": KEY}, '$["é"]'),
        ({"first": 1, "x" * 65: KEY}, "${1}"),
    ],
)
def test_it_says_where_a_secret_is(value: JSON, path: str) -> None:
    assert only(value).path == path


@pytest.mark.parametrize("before", ["", "plain ", "ümlaut €uro 🙂 ", 'line\nbreak\t\\ " ', "\0 ", "\ud800 "])
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"a": ["first", text]}])
def test_it_counts_code_points(before: str, wrap: object) -> None:
    assert callable(wrap)
    finding = only(wrap(f"{before}{KEY} after"))
    assert (finding.start, finding.end) == (len(before), len(before) + len(KEY))


def test_it_sees_keys_and_keeps_them_out_of_paths() -> None:
    found = SCAN({"plain": 1, KEY: {"inner": KEY}})
    assert [(finding.path, finding.in_key) for finding in found] == [("${1}", True), ("${1}.inner", False)]
    assert all(KEY not in repr(finding) for finding in found)


def test_it_sees_numbers() -> None:
    assert only({"card": int(made.card("4", 16, "n"))}).rule == "credit_card"


def test_it_reads_a_name_before_its_value_in_objects_as_in_text() -> None:
    secret = made.chars(made.BASE64, 38, "json") + "/+"
    finding = only({"env": {"AWS_SECRET_ACCESS_KEY": secret}})
    assert (finding.rule, finding.start, finding.end) == ("aws_secret_key", 0, 40)


def test_it_reports_the_more_specific_of_two() -> None:
    token = "ghp_" + made.chars(made.ALNUM, 36, "specific")
    assert [finding.rule for finding in SCAN(f"api_key = '{token}'")] == ["github_token"]
    assert [finding.rule for finding in SCAN(f"https://x-access-token:{token}@github.com/a/b")] == ["github_token"]


def test_it_splits_a_key_block_over_the_strings_that_hold_it() -> None:
    lines = made.pem("RSA PRIVATE KEY", lines=3).splitlines()
    found = SCAN({"lines": lines})
    assert [finding.path for finding in found] == [f"$.lines[{number}]" for number in range(5)]


@pytest.mark.parametrize("pattern", BUILTIN_PATTERNS, ids=lambda pattern: pattern.name)
def test_it_never_shows_the_secret(pattern: object) -> None:
    for text in getattr(pattern, "hits")():  # noqa: B009
        for finding in SCAN({"value": text, text: 1}):
            secret = text[finding.start : finding.end]
            shown = finding.excerpt.removesuffix("***")
            assert len(secret) - len(shown) >= 6 or finding.in_key
            assert secret not in finding.path


def test_it_survives_what_json_cannot_or_should_not_be() -> None:
    deep: JSON = KEY
    for _ in range(10_000):
        deep = {"k": [deep]}
    assert only(deep).path.count("[0]") == 10_000
    assert SCAN({"n": 10**6000, "f": float("nan"), "s": "\ud800\0", "none": None, "t": True}) == ()
    assert only({"n": 10**6000, "s": f"\udfff{KEY}"}).start == 1
    with pytest.raises(TypeError):
        SCAN({"bytes": b"x", "lone": "\ud800"})


@pytest.mark.parametrize(
    "text",
    [
        "a" * 3_000_000,
        "4" * 3_000_000,
        "QUtJ" * 500_000,
        "%41" * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 50_000,
        "postgres://a:b" * 100_000,
        "password=" * 20_000,
        "eyJhbGciOi." * 100_000,
        "a=b&" * 300_000,
        "host=a " * 300_000,
        "\0" * 3_000_000,
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.timeout(60)
def test_it_finds_the_needle_in_a_hostile_haystack(text: str) -> None:
    value = {"a": [f"{text} {KEY}"]}
    found = build_scanner(max_candidates=0)(value)
    assert [finding.rule for finding in found if finding.rule == "aws_access_key"] == ["aws_access_key"]
    assert {"aws_access_key", SCAN_LIMIT} & {finding.rule for finding in SCAN(value)}


@pytest.mark.parametrize("name", ["github_token", "generic_api_key"])
def test_it_takes_a_tenants_settings(name: str) -> None:
    text = next(pattern for pattern in BUILTIN_PATTERNS if pattern.name == name).hits()[0]
    changed = build_scanner({name: PatternSetting(action=DlpAction.REDACT)})
    assert [finding.action for finding in changed(text)] == [DlpAction.REDACT]
    disabled = build_scanner({name: PatternSetting(enabled=False)})
    assert name not in [finding.rule for finding in disabled(text)]


def test_it_acts_by_severity_unless_told_otherwise() -> None:
    actions = {finding.severity: finding.action for pattern in BUILTIN_PATTERNS for finding in SCAN(pattern.hits()[0])}
    assert actions == {Severity.CRITICAL: DlpAction.DENY, Severity.HIGH: DlpAction.DENY, Severity.MEDIUM: DlpAction.LOG}
    assert strongest(SCAN("nothing here")) is DlpAction.ALLOW


def test_it_leaves_mail_addresses_alone_until_asked() -> None:
    text = "mara.lindt" + "@" + "kontor.de"
    assert SCAN(text) == ()
    assert [finding.rule for finding in build_scanner({"email": PatternSetting(enabled=True)})(text)] == ["email"]


def test_it_keeps_one_tenants_patterns_from_another() -> None:
    own = build_scanner(custom=(CustomPattern("badge", r"BDG-(\d{6})", Severity.HIGH, DlpAction.DENY),))
    finding = own({"note": "ünder BDG-123456"})[0]
    assert (finding.rule, finding.start, finding.end) == ("badge", 10, 16)
    assert SCAN({"note": "BDG-123456"}) == ()


def test_it_may_be_shared_by_threads() -> None:
    values = [{"n": number, "text": "x" * number + " " + KEY} for number in range(50)]
    expected = [SCAN(value) for value in values]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for number, value in enumerate(values):
                if SCAN(value) != expected[number]:
                    wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


_NOISE = st.text(st.characters(codec="utf-8"), max_size=30)


@given(before=_NOISE, after=_NOISE)
def test_it_finds_a_secret_between_any_words(before: str, after: str) -> None:
    # Whatever ends in a blank cannot be part of the secret's own alphabet.
    text = f"{before} {KEY} {after}"
    for value in (text, {"k": text}, [text], json.dumps({"k": text})):
        assert "aws_access_key" in [finding.rule for finding in SCAN(value)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=2, max_size=12))
def test_it_finds_every_place_of_a_long_text_of_any_characters(between: list[str]) -> None:
    text = "".join(f"{words} {KEY} " for words in between)
    findings = [one for one in SCAN({"a": "x", "q": text}) if one.rule == "aws_access_key"]
    places = [index for index in range(len(text)) if text.startswith(KEY, index)]
    assert [(one.start, one.end) for one in findings] == [(place, place + len(KEY)) for place in places]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.integers(0, 200), max_size=20))
def test_it_counts_on_as_if_it_had_counted_from_the_start(text: str, asked: list[int]) -> None:
    """Places in and between characters, in any order."""
    flat = Flat({"q": text})
    leaf = flat.leaves(0, len(flat.buffer))[-1][0]
    for place in asked:
        low = min(leaf.start + place, leaf.end)
        for found, first, _ in flat.leaves(low, leaf.end):
            if found is leaf:
                assert first == code_points(flat.buffer, leaf.start, low)


@pytest.mark.parametrize("crowd", ["4111111111111111 ", "password='", "ghp_", "eyJhbGciOi."])
def test_a_crowd_of_look_alikes_is_refused_as_a_whole_and_not_half_scanned(crowd: str) -> None:
    found = SCAN({"text": crowd * 20_000})
    assert found == () or {finding.rule for finding in found} == {SCAN_LIMIT}
    assert all(finding.action is DlpAction.DENY and finding.excerpt == "***" for finding in found)


@pytest.mark.parametrize(
    "encoded",
    [base64.b64encode(b"hello world this is").decode() + " ", "YWFhYWFhYWFhYWFhYWFhYWFh/ ", "%41", "\\u0041", "&amp;"],
)
def test_more_than_can_be_decoded_in_time_is_refused_as_a_whole(encoded: str) -> None:
    assert [finding.rule for finding in SCAN({"text": encoded * 110_000})] == [SCAN_LIMIT]
    assert SCAN({"text": encoded * 1_000}) == ()


def test_a_scan_that_holds_nobody_up_looks_at_everything() -> None:
    text = "4111111111111111 " * 5_000
    assert [finding.rule for finding in SCAN(text)] == [SCAN_LIMIT]
    assert len(build_scanner(max_candidates=0)(text)) == 5_000
