"""What a command line names and deletes, as far as words tell. No shell is imitated: this looks, it does not vouch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SEGMENT: Final = re.compile(r"[;\n|&(){}`]+|\$\(")
_WORD: Final = re.compile(r"[\s<>,=]+")
_FLAG_OF_WINDOWS: Final = re.compile(r"/[a-z]", re.IGNORECASE)
_DELETERS: Final = frozenset(
    {
        "rm", "rmdir", "unlink", "shred", "srm", "del", "erase", "rd", "remove-item", "ri", "rimraf", "trash",
        "trash-put", "rmtree", "wipe",
    }
)  # fmt: skip
_WRAPPERS: Final = frozenset(
    {
        "sudo", "doas", "env", "nohup", "time", "command", "exec", "xargs", "bash", "sh", "zsh", "dash", "ksh", "cmd",
        "powershell", "pwsh", "busybox", "then", "do", "else", "nice", "eval", "timeout", "stdbuf", "setsid", "su",
        "chroot", "ionice", "watch",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """`paths` are words that are a path or could be a file's name; `deleted` are those that a deletion is given."""

    paths: tuple[str, ...]
    deleted: tuple[str, ...]


def read(line: str) -> Line:
    paths: list[str] = []
    deleted: list[str] = []
    for segment in _SEGMENT.split(line.replace('"', "").replace("'", "")):
        words = [word for word in _WORD.split(segment) if word]
        paths += [word for word in words if _pathlike(word)]
        deleted += _deleted(words)
    return Line(tuple(paths), tuple(deleted))


def _pathlike(word: str) -> bool:
    return not word.startswith("-") and any(mark in word for mark in "/\\.~$%") and not _FLAG_OF_WINDOWS.fullmatch(word)


def _deleted(words: list[str]) -> Iterator[str]:
    names = [_program(word) for word in words]
    first = next((at for at, word in enumerate(words) if "=" not in word and not word.startswith("-")), None)
    if first is None:
        return
    starts = range(len(words)) if names[first] in _WRAPPERS else (first,)
    # Looked for once: a line of nothing but `find` would be read again for each of its words.
    last = max((at for at, name in enumerate(names) if name in _DELETERS), default=-1)
    deletes = "-delete" in words
    for at in starts:
        if names[at] in _DELETERS:
            yield from (word for word in words[at + 1 :] if _given(word))
            return
        if names[at] == "find" and (deletes or last > at):
            for word in words[at + 1 :]:
                if word.startswith("-"):
                    break
                yield word
            return


def _given(word: str) -> bool:
    return not word.startswith("-") and not _FLAG_OF_WINDOWS.fullmatch(word)


def _program(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
