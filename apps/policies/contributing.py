"""What one policy contributes to a decision, by itself.

Where two versions contribute the same to an input, the rulebook decides it the same with either: nothing else of a
policy can be seen from outside it (`assembly`).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import orjson

from apps.decision.rego import EvaluationError, Program, load
from apps.decision.types import JSON
from apps.policies import checking
from apps.policies.authorizer import MAX_SECONDS, present

READ: Final = ("verdicts", "filesystem_roots")
MAX_STEPS: Final = 20_000  # one that takes more is judged in full, where the limits of a decision count

Same = Callable[[JSON], bool]


def same_of(slug: str, before: str | None, after: str | None) -> Same:
    """Asks of an input whether both contents (None is no policy) certainly contribute the same to it."""
    was, would = _contribution(slug, before), _contribution(slug, after)

    def same(document: JSON) -> bool:
        said = was(document)
        return said is not None and said == would(document)

    return same


def _contribution(slug: str, content: str | None) -> Callable[[JSON], bytes | None]:
    if content is None:
        nothing = orjson.dumps([None, None])
        return lambda document: nothing
    program, entrypoint = _program(slug, content), f"data.behavry.tenant.{slug}"

    def contribution(document: JSON) -> bytes | None:
        try:
            said = program.evaluate(
                entrypoint, document, now_ns=present(document), max_steps=MAX_STEPS, max_seconds=MAX_SECONDS
            )
            # An empty set is as good as no rule at all. Written out, since in Python 1 is true.
            return orjson.dumps([said.get(name) or None for name in READ]) if isinstance(said, dict) else None
        except (EvaluationError, TypeError, ValueError, RecursionError):
            return None

    return contribution


@lru_cache(maxsize=16)
def _program(slug: str, content: str) -> Program:
    return load(checking.alone(content, slug))
