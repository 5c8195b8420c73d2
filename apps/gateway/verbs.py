"""The verb that a tool's name speaks of, where the registry names none. A name that says nothing is `execute`."""

import re
from functools import lru_cache
from typing import Final

from apps.decision.types import Action

_WORDS_OF: Final = {
    Action.READ: """
        get list read search find fetch describe show view stat head count check lookup browse query select inspect
        status download tail diff log history
    """,
    Action.WRITE: """
        write create add update edit set put insert upload move rename copy append patch merge push commit fork open
        close save replace modify assign import mkdir touch upsert label approve
    """,
    Action.DELETE: """
        delete remove drop purge truncate destroy unlink erase clear rm rmdir wipe uninstall revoke prune trash discard
    """,
    Action.SEND: "send post publish notify email reply share forward comment dm",
    Action.EXECUTE: "run exec execute eval call invoke shell spawn start stop deploy kill trigger bash",
}
_VERBS: Final = {word: action for action, words in _WORDS_OF.items() for word in words.split()}
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(4_096)
def verb_of(tool: str) -> Action:
    """The first verb counts, but a deletion or execution anywhere in the name outweighs a gentler one."""
    verbs = [_VERBS[word] for word in map(str.lower, _WORD.findall(tool)) if word in _VERBS]
    if not verbs:
        return Action.EXECUTE
    for strong in (Action.DELETE, Action.EXECUTE):
        if strong in verbs:
            return strong
    return verbs[0]
