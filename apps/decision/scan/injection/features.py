"""What the scorer sees in a sentence: words, pairs of words, pieces of words, and a few ideas, each under a number.

The numbers are hashes, so there is no vocabulary to ship; the ideas stand for many words each, so that what was learned
from one wording holds for others.
"""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple
from zlib import crc32

from apps.decision.scan.injection.ideas import VERBS, ideas_of
from apps.decision.scan.injection.sentences import Sentence

BUCKETS = 1 << 15
# A word that ends in what no other token goes on with comes first; possessive, since no shorter run goes on either.
_TOKEN = re.compile(
    r"(?P<plain>[^\W\d_]++(?=[ \n,;!?\")]))"
    r"|(?P<mail>[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*)"
    r"|(?P<url>https?://[^\s\"'<>)\]]{1,300}|www\.[^\s\"'<>)\]]{1,300})"
    r"|(?P<money>[$£€¥]\s?\d[\d,.]*|\d[\d,.]*\s?(?:usd|eur|gbp|dollars|euros|btc|eth|bitcoin)\b)"
    r"|(?P<path>(?:~|\.{1,2})?/[a-z0-9_.~-]{2,}[^\s\"'<>)\]]*|[a-z0-9_-]++\.(?:txt|pdf|docx?|csv|xlsx?|md|json|zip|png|jpe?g|exe|sh|py|html?)\b)"
    r"|(?P<name>[^\W\d_]++(?:[-_][\w-]+)+)|(?P<word>[^\W\d_]++(?:'[a-z]{1,3})?)"
    r"|(?P<number>\d[\w.,:-]*|#\d+)"
    r"|(?P<quote>[\"'`])"
)
# Most sentences have nothing but words in them. One set of characters first: the search runs from one to the next.
_RICH = re.compile(r"[@/$£€¥\d.](?:(?<=[^.])|(?<=www\.)|(?=[a-z]{2,4}\b))")
_CODE = re.compile(r"[=;{}(>:$&](?:(?<=[=;{}])|(?<=\w\()|(?<=->)|(?<=::)|(?<=\$)(?=[a-z_])|(?<=&&))")
_SIMPLE = re.compile(r"[^\W\d_]++(?:(?:[-_][\w-]+)+|'[a-z]{1,3})?")
_SIMPLE_ASCII = re.compile(r"[a-z]++(?:(?:[-_][a-z0-9_-]+)+|'[a-z]{1,3})?")  # the same, of text that is folded
_POLITE = (["please"], ["kindly"], ["bitte"], ["veuillez"], ["merci"], ["por"], ["per"], ["пожалуиста"])
_DOING = frozenset((*VERBS, "ignore", "mask"))
_PRIVATE = frozenset(
    [
        "password",
        "passwords",
        "address",
        "addresses",
        "contact",
        "contacts",
        "account",
        "accounts",
        "card",
        "payment",
        "balance",
        "history",
        "data",
        "records",
        "details",
        "information",
        "profile",
        "emails",
        "email",
        "inbox",
        "messages",
        "files",
        "file",
        "folder",
        "documents",
        "location",
        "friends",
        "health",
        "medical",
        "genetic",
        "transactions",
        "savings",
        "bank",
        "calendar",
        "appointment",
        "appointments",
        "events",
        "order",
        "orders",
        "passport",
        "ssn",
        "phone",
        "patient",
        "device",
        "devices",
        "lock",
        "door",
        "garage",
    ]
)
_LEAD = re.compile(r"(?P<bullet>(?:[-*•]|\d+[.)]|\[[ x]\])\s*$)|(?P<comment>(?://|#|/\*)\s*$)|(?P<said>[a-z,;(][:,]?\s?[\"'`]$)|(?P<talk>(?:to|that|which|who|will|may|can|could|would|they|we|i|not|never|if you|when you)\s$)")  # fmt: skip
_LONGEST = 64  # tokens of a sentence that are looked at


class Seen(NamedTuple):
    """What there is in a sentence; the ideas of it are a matter of `members` and `first` alone."""

    words: list[str]
    members: frozenset[str]
    first: str
    around: tuple[str, ...]


def seen_in(sentence: Sentence) -> Seen:
    """The words, entities by their kind, what they stand for, and how the sentence stands there."""
    words: list[str] = []
    kinds: set[str] = set()
    text = sentence.text
    if _RICH.search(text):
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            if kind == "plain" or kind == "word":
                words.append(match[0])
            elif kind == "quote":
                kinds.add("quote")
            else:
                words.append(f"<{kind}>")
                if kind != "name":
                    kinds.add(kind)
    else:
        words = (_SIMPLE_ASCII if text.isascii() else _SIMPLE).findall(text)
        if "-" in text or "_" in text:
            words = ["<name>" if "-" in word or "_" in word else word for word in words]
        if '"' in text or "'" in text or "`" in text:
            kinds.add("quote")
    del words[_LONGEST:]
    around = [f"^ {words[0]} {words[1]}"] if len(words) > 2 else []
    if _CODE.search(text):
        around.append("#code")
    lead = _LEAD.search(sentence.lead)
    if lead is not None:
        around.append(f"lead:{lead.lastgroup}")
    polite = words[:1] in _POLITE
    first = next((name for word in words[: 2 if polite else 1] for name in ideas_of(word) if name in _DOING), "")
    for word in words:
        kinds.update(ideas_of(word))
        if word in _PRIVATE:
            kinds.add("private")
    if polite:
        kinds.add("polite")
    if text.endswith("?"):
        kinds.add("question")
    return Seen(words, frozenset(kinds), first, tuple(around))


def features(sentence: Sentence) -> Iterator[str]:
    """The sentence's features by name, each as often as it is there."""
    seen = seen_in(sentence)
    previous = "^"
    for word in seen.words:
        yield from pieces(word)
        yield f"{previous} {word}"
        previous = word
    yield from seen.around
    yield from ideas(seen.members, seen.first)


def pieces(word: str) -> Iterator[str]:
    """The word and what it is made of."""
    yield word
    if word.isascii():
        if len(word) > 5:
            for at in range(len(word) - 3):
                yield f"~{word[at : at + 4]}"
    else:
        for at in range(min(len(word), 40) - 1):
            yield f"~{word[at : at + 2]}"
            yield f"~{word[at : at + 3]}"


def ideas(members: frozenset[str], first: str) -> Iterator[str]:
    """The ideas, two of them together, and what the sentence begins with beside each."""
    ordered = sorted(members)
    for name in ordered:
        yield f"#{name}"
        if first:
            yield f"#first:{first}+{name}"
    for one, other in combinations(ordered, 2):
        yield f"#{one}&{other}"
    if first:
        yield f"#first:{first}"


def bucket(name: str) -> int:
    return crc32(name.encode("utf-8", "replace")) & (BUCKETS - 1)
