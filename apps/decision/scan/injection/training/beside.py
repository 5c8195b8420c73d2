"""Examples that nobody had to write: words in no order, each rule's hits and misses, and the manual and modules that come with Python."""

import json
import pydoc_data.topics
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.injection.training.corpus import Text

_WORDED = frozenset(
    (
        InjectionClass.IMPERATIVE_COMMAND,
        InjectionClass.AUTHORITY_CLAIM,
        InjectionClass.PERMISSION_EXPANSION,
        InjectionClass.ROLE_REASSIGNMENT,
    )
)
_WORDS = [
    "account",
    "add",
    "address",
    "agent",
    "answer",
    "bank",
    "bench",
    "board",
    "book",
    "budget",
    "call",
    "change",
    "check",
    "close",
    "contract",
    "copy",
    "customer",
    "day",
    "delete",
    "door",
    "draft",
    "email",
    "file",
    "find",
    "folder",
    "garden",
    "green",
    "group",
    "guide",
    "house",
    "invoice",
    "key",
    "letter",
    "light",
    "list",
    "mail",
    "market",
    "meeting",
    "message",
    "money",
    "name",
    "note",
    "notes",
    "office",
    "open",
    "order",
    "page",
    "paper",
    "password",
    "pay",
    "phone",
    "photo",
    "plan",
    "please",
    "post",
    "price",
    "project",
    "read",
    "record",
    "remove",
    "rent",
    "reply",
    "report",
    "review",
    "room",
    "rule",
    "sale",
    "send",
    "share",
    "shop",
    "show",
    "sign",
    "site",
    "start",
    "stop",
    "summer",
    "system",
    "table",
    "task",
    "team",
    "test",
    "ticket",
    "time",
    "tool",
    "train",
    "transfer",
    "update",
    "user",
    "visit",
    "water",
    "week",
    "window",
    "winter",
    "word",
    "work",
    "write",
    "year",
]
_SALADS, _ROWS, _LONG = 60, 6, (3, 6, 12, 24, 40)
_TOPIC, _MODULE = 6_000, 12_000  # characters looked at


def ruled() -> Iterator[Text]:
    """What the rules of wording must find and must not."""
    for rule in BUILTIN_RULES:
        if rule.kind not in _WORDED:
            continue
        for label, said in ((1, rule.hits), (0, rule.misses)):
            for number, text in enumerate(said):
                span = (0, len(text)) if label else (0, 0)
                yield Text(text, label, "rules", f"rule:{rule.name}:{label}:{number}", span)


def jumbled(seed: int) -> Iterator[Text]:
    """Words in no order: none of them is an order by itself."""
    dice = random.Random(seed)  # noqa: S311 - examples, not secrets
    for number in range(_SALADS):
        some = dice.sample(_WORDS, dice.choice((12, 30, len(_WORDS))))
        rows = [
            {"title": " ".join(dice.choices(some, k=5)), "body": " ".join(dice.choices(some, k=dice.choice(_LONG)))}
            for _ in range(_ROWS)
        ]
        yield Text(json.dumps(rows), 0, "jumbled", f"jumbled:{number}", (0, 0))


def interpreter() -> Iterator[Text]:
    """Harmless prose and code of the standard library of whoever trains."""
    for name, topic in sorted(pydoc_data.topics.topics.items()):
        yield Text(topic[:_TOPIC], 0, "python manual", f"pydoc:{name}", (0, 0))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text("utf-8", errors="replace")[:_MODULE]
        yield Text(text, 0, "python modules", f"stdlib:{path.name}", (0, 0))
