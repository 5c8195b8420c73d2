"""What the scorer sees in a sentence: words, pairs of words, pieces of words, and a few ideas, each under a number.

The numbers are hashes, so there is no vocabulary to ship; the ideas stand for many words each, so that what was learned
from one wording holds for others.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

from apps.decision.scan.injection.sentences import VERBS, Sentence

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
_MINE = frozenset(("my", "mine", "me", "mein", "meine", "meinen", "meinem", "meiner", "mon", "ma", "mes", "mi", "mis", "minha", "meu", "meus", "minhas", "мои", "моего", "мою", "моеи", "моих", "моя"))  # fmt: skip
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
_CLASS: dict[str, tuple[str, ...]] = {}
for _name, _verbs in VERBS.items():
    for _verb in _verbs:
        _CLASS[_verb] = (*_CLASS.get(_verb, ()), _name)
_VERBS = frozenset(_CLASS)
_LEAD = re.compile(r"(?P<bullet>(?:[-*•]|\d+[.)]|\[[ x]\])\s*$)|(?P<comment>(?://|#|/\*)\s*$)|(?P<talk>(?:to|that|which|who|will|may|can|could|would|they|we|i|not|never|if you|when you)\s$)")  # fmt: skip
_LONGEST = 64  # tokens of a sentence that are looked at


def seen_in(sentence: Sentence) -> tuple[list[str], list[str]]:
    """The words, entities by their kind, and the names of the ideas."""
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
    polite = words[:1] in (["please"], ["kindly"])
    first = next((word for word in words[: 2 if polite else 1] if word in _CLASS), "")
    verbs = _VERBS.intersection(words)
    mine, private = not _MINE.isdisjoint(words), not _PRIVATE.isdisjoint(words)
    ideas = list(_ideas(frozenset(verbs), first, frozenset(kinds), mine, private, polite))
    if len(words) > 2:
        ideas.append(f"^ {words[0]} {words[1]}")
    if _CODE.search(text):
        ideas.append("#code")
    lead = _LEAD.search(sentence.lead)
    if lead is not None:
        ideas.append(f"lead:{lead.lastgroup}")
    return words, ideas


def features(sentence: Sentence) -> Iterator[str]:
    """The sentence's features by name, each as often as it is there."""
    words, ideas = seen_in(sentence)
    previous = "^"
    for word in words:
        yield from pieces(word)
        yield f"{previous} {word}"
        previous = word
    yield from ideas


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


@lru_cache(maxsize=8_192)
def _ideas(
    verbs: frozenset[str], first_verb: str, kinds: frozenset[str], mine: bool, private: bool, polite: bool
) -> tuple[str, ...]:
    """The ideas behind these words. Few sentences differ in all of this from every one before."""
    return tuple(_named(verbs, first_verb, kinds, mine, private, polite))


def _named(
    verbs: frozenset[str], first_verb: str, kinds: frozenset[str], mine: bool, private: bool, polite: bool
) -> Iterator[str]:
    if mine:
        yield "#mine"
    if mine and private:
        yield "#mine+private"
    for kind in kinds:
        yield f"#{kind}"
    names = {name for verb in verbs for name in _CLASS[verb]}
    for name in names:
        yield f"#{name}"
        for kind in kinds:
            yield f"#{name}+{kind}"
        if mine:
            yield f"#{name}+mine"
        if private:
            yield f"#{name}+private"
    first = _CLASS[first_verb][0] if first_verb else ""
    if first:
        yield f"#first:{first}"
        if mine:
            yield f"#first:{first}+mine"
        for kind in kinds:
            yield f"#first:{first}+{kind}"
        if private:
            yield f"#first:{first}+private"
    if len(names) > 1:
        yield "#several"
    if "fetch" in names and "send" in names:
        yield "#fetch+send"
    if polite:
        yield "#polite"


def bucket(name: str) -> int:
    return crc32(name.encode("utf-8", "replace")) & (BUCKETS - 1)
