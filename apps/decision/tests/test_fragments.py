"""Credentials in pieces, however they are cut and wrapped, and what honest agents send, which never makes one."""

import base64
import random
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.fragments import MAX_CALLS, Fragments, build_fragments, takes_part
from apps.decision.scan.patterns import BUILTIN_PATTERNS, made
from apps.decision.scan.scanner import PatternSetting, build_scanner
from apps.decision.screens import fragments as stage
from apps.decision.tests.builders import make_call, make_facts, make_rulebook
from apps.decision.types import DlpAction, Pieces, Severity

CANARY = "quartz-harbour-" + "7719x"
FRAGMENTS = build_fragments(canaries={"wiki": CANARY})
SCAN = build_scanner(canaries={"wiki": CANARY})
TAKING = [pattern for pattern in BUILTIN_PATTERNS if takes_part(pattern)]
HARMLESS: tuple[dict[str, Any], ...] = (
    {"path": "notes/plan.md", "limit": 20},
    {"query": "weekly report", "page": 2},
    {"channel": "general", "text": "All good, see you tomorrow"},
    {"id": "a3f9", "status": "open"},
)
SHAPES: dict[str, Callable[[list[str]], list[dict[str, Any]]]] = {
    "the same field": lambda cuts: [{"text": cut} for cut in cuts],
    "numbered fields": lambda cuts: [{f"part{number}": cut} for number, cut in enumerate(cuts)],
    "other fields": lambda cuts: [{name * 3: cut} for name, cut in zip("abcdefgh", cuts, strict=False)],
    "labels": lambda cuts: [{"text": f"part {number}: {cut}"} for number, cut in enumerate(cuts, 1)],
    "quotes": lambda cuts: [{"text": f'  "{cut}" \n'} for cut in cuts],
    "among others": lambda cuts: [
        call
        for n, cut in enumerate(cuts)
        for call in ({"channel": "general", "text": cut}, HARMLESS[n % len(HARMLESS)])
    ],
    "deep": lambda cuts: [{"items": [{"body": {"text": cut}}]} for cut in cuts],
    "sent twice": lambda cuts: [{"text": cut} for cut in cuts for _ in range(2 if len(cut) > 3 else 1)],
    "one call": lambda cuts: [{"parts": cuts}],
}


def caught(calls: list[dict[str, Any]], judge: Fragments = FRAGMENTS) -> tuple[str, int] | None:
    """What the first denied call was denied for, and its number."""
    earlier: list[Pieces] = []
    for number, call in enumerate(calls):
        for finding in SCAN(call):
            if finding.action is DlpAction.DENY:
                return finding.rule, number
        if not earlier and not judge.begun(call):
            continue
        pieces = judge.pieces(call)
        completed = judge.completed(earlier, pieces)
        if completed:
            return completed[0].pattern, number
        if earlier or judge.opens(pieces):
            earlier = [*earlier, pieces][-MAX_CALLS:]
    return None


def secret_of(pattern: Any) -> str:
    """One that begins as the pattern says; the rest of an example is what stands around it."""
    for text in pattern.hits():
        at = min((text.find(begin) for begin in pattern.begins if begin in text), default=-1)
        if at >= 0:
            finding = SCAN(text)[0]
            return str(text[at : finding.end])
    raise AssertionError(pattern.name)


def cut(secret: str, count: int, chance: random.Random) -> list[str]:
    places = sorted(chance.sample(range(2, len(secret)), count - 1))  # a country's code alone begins nothing
    return [secret[start:end] for start, end in zip([0, *places], [*places, len(secret)], strict=True)]


def test_only_dangerous_secrets_that_are_known_by_their_beginning_take_part() -> None:
    assert {"github_token", "aws_access_key", "private_key", "slack_webhook"} <= {one.name for one in TAKING}
    assert not {"credit_card", "ssn", "email", "generic_api_key", "credential_assignment"} & {
        one.name for one in TAKING
    }
    assert all(one.severity in (Severity.CRITICAL, Severity.HIGH) for one in TAKING)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", TAKING, ids=lambda one: one.name)
def test_it_puts_every_kind_together_again(pattern: Any, shape: str) -> None:
    secret, chance = secret_of(pattern), random.Random(pattern.name + shape)
    pieces = [3 if pattern.name == "twilio_key" else 2, 3, 4, 5, 6, 7, 8]
    for count in pieces:
        cuts = cut(secret, count, chance)
        if pattern.name == "twilio_key" and cuts[0] == "SK":
            cuts = [cuts[0] + cuts[1], *cuts[2:]]
        if any(one != one.strip() for one in cuts) and shape == "labels":
            continue  # white space that is a part of it cannot be told from the label's
        calls = SHAPES[shape](cuts)
        assert caught(calls) is not None, cuts


def test_the_completing_call_is_the_one_that_is_named_and_earlier_ones_are_not() -> None:
    secret = "ghp_" + made.chars(made.ALNUM, 36)
    calls = [{"a": secret[:10]}, {"b": "hello"}, {"c": secret[10:30]}, {"d": secret[30:]}]
    assert caught(calls) == ("github_token", 3)
    assert caught(calls[:3]) is None
    assert caught(calls[1:]) is None


def test_a_match_must_end_in_the_present_call() -> None:
    secret = "ghp_" + made.chars(made.ALNUM, 36)
    earlier = [FRAGMENTS.pieces({"a": secret[:20]}), FRAGMENTS.pieces({"a": secret[20:]})]
    assert FRAGMENTS.completed(earlier, FRAGMENTS.pieces({"a": "thank you"})) == ()
    assert FRAGMENTS.completed(earlier[:1], earlier[1])[0].calls == 2


def test_one_piece_alone_is_the_scanners_business() -> None:
    whole = FRAGMENTS.pieces({"a": "ghp_" + made.chars(made.ALNUM, 36)})
    assert FRAGMENTS.completed([], whole) == ()
    assert FRAGMENTS.completed([], ()) == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_puts_a_planted_value_together(shape: str) -> None:
    chance = random.Random(shape)
    for count in (2, 3, 4):
        assert caught(SHAPES[shape](cut(CANARY, count, chance)))[0] == "canary_wiki"  # type: ignore[index]


def test_what_a_tenant_lets_pass_is_not_put_together() -> None:
    secret = "glpat-" + made.chars(made.URLSAFE, 20)
    calls: list[dict[str, Any]] = [{"a": secret[:9]}, {"a": secret[9:]}]
    assert caught(calls) == ("gitlab_token", 1)
    logged = build_fragments({"gitlab_token": PatternSetting(action=DlpAction.LOG)})
    assert caught(calls, logged) is None
    assert caught(calls, build_fragments({"gitlab_token": PatternSetting(enabled=False)})) is None


def test_the_stage_denies_and_shows_nothing_of_the_secret() -> None:
    secret = "ghp_" + made.chars(made.ALNUM, 36)
    facts = make_facts(book=make_rulebook(fragments=FRAGMENTS), earlier=(FRAGMENTS.pieces({"a": secret[:20]}),))
    decision = stage.screen(make_call(pieces=FRAGMENTS.pieces({"b": secret[20:]})), facts, ())
    assert decision is not None
    assert (decision.effect.value, decision.policy, decision.stage) == ("deny", "fragments.github_token", "fragments")
    assert secret[20:] not in repr(decision)
    assert secret[20:] not in repr(FRAGMENTS.pieces({"b": secret[20:]}))
    assert stage.screen(make_call(), facts, ()) is None
    assert stage.screen(make_call(pieces=FRAGMENTS.pieces({"b": "hello"})), facts, ()) is None


WORDS = """the report of a user page token next cursor sky skate ask risk hook discord github gh glass who AI SG SK GR
 AK AS sk gl go e-mail -- --- hold A g x s key git task-list sk-learn readme https:// rows S eyJ""".split()  # noqa: SIM905
FIELDS = ("path", "text", "query", "id", "cursor", "page_token", "channel", "sha", "branch", "name", "title", "part1")


def _value(chance: random.Random, kind: int) -> str:
    def drawn(alphabet: str, size: int) -> str:
        return "".join(chance.choices(alphabet, k=size))

    page = {"id": chance.randint(1, 99999), "offset": chance.randint(1, 100)}
    return [
        lambda: chance.choice(WORDS),
        lambda: " ".join(chance.choices(WORDS, k=chance.randint(2, 9))),
        lambda: str(uuid.UUID(int=chance.getrandbits(128))),
        lambda: drawn(made.HEX, chance.choice([7, 8, 16, 32, 40, 64])),
        lambda: base64.b64encode(orjson.dumps(page)).decode(),
        lambda: drawn(made.ALNUM, chance.randint(3, 24)),
        lambda: f"src/{chance.choice(WORDS)}/{chance.choice(WORDS)}.py",
        lambda: f"2026-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}",
        lambda: f"part {chance.randint(1, 9)}: {drawn(made.ALNUM, 8)}",
        lambda: str(chance.randint(1, 10**9)),
        lambda: "C0" + drawn(made.UPPER + made.DIGITS, 9),
    ][kind]()


@pytest.mark.parametrize("seed", range(5))
def test_honest_sequences_never_make_one(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(120):
        kinds = {field: chance.randrange(11) for field in FIELDS}
        calls = [
            {field: _value(chance, kinds[field]) for field in chance.sample(FIELDS, chance.randint(1, 4))}
            for _ in range(chance.randint(3, 20))
        ]
        assert caught(calls) is None, calls


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_it_reads_whatever_is_sent(value: Any) -> None:
    pieces = FRAGMENTS.pieces(value)
    FRAGMENTS.begun(value)
    FRAGMENTS.opens(pieces)
    assert FRAGMENTS.completed([pieces, pieces], pieces) is not None
    assert sum(len(one.text) for one in pieces) <= 2048


@pytest.mark.parametrize(
    "value", ["a" * 1_000_000, "- " * 300_000, ["ghp_"] * 50_000, {"k": {"k": ["SK1 " * 100_000]}}, "\ud800ghp_\udfff"]
)
def test_large_and_broken_input_is_bounded(value: Any) -> None:
    pieces = FRAGMENTS.pieces(value)
    assert len(pieces) <= 2048
    assert FRAGMENTS.completed([pieces] * MAX_CALLS, pieces) is not None
