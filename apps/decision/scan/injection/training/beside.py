"""Examples that are there anyway: each rule's hits and misses, and the manual and modules that come with Python."""

import pydoc_data.topics
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


def interpreter() -> Iterator[Text]:
    """Harmless prose and code of the standard library of whoever trains."""
    for name, topic in sorted(pydoc_data.topics.topics.items()):
        yield Text(topic[:_TOPIC], 0, "python manual", f"pydoc:{name}", (0, 0))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text("utf-8", errors="replace")[:_MODULE]
        yield Text(text, 0, "python modules", f"stdlib:{path.name}", (0, 0))
