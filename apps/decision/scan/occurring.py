"""Which of many expressions occur in a text at all, in one pass of Hyperscan: nearly always none does."""

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import hyperscan


def compile_hyperscan(expressions: Sequence[tuple[str, bool]]) -> Any:
    """A block-mode database that names each expression at most once per scan. The flag: it sees UTF-8 characters."""
    single = hyperscan.HS_FLAG_SINGLEMATCH
    database = hyperscan.Database()
    database.compile(
        expressions=[regex.encode() for regex, _ in expressions],
        ids=list(range(len(expressions))),
        flags=[single | hyperscan.HS_FLAG_UTF8 if unicode else single for _, unicode in expressions],
    )
    _give_back()
    return database


def _give_back() -> None:
    """Compiling takes many times the memory that is kept, and glibc holds on to it unless it is told not to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


class Occurring:
    """The indexes of the expressions that occur in a buffer. Shared by threads; each has its own scratch space."""

    __slots__ = ("_database", "_own", "_scratch")

    def __init__(self, expressions: Sequence[tuple[str, bool]]) -> None:
        self._database = compile_hyperscan(expressions)
        self._scratch = hyperscan.Scratch(self._database)
        self._own = threading.local()

    def __call__(self, buffer: bytes) -> set[int]:
        seen: set[int] = set()
        try:
            scratch = self._own.scratch
        except AttributeError:
            scratch = self._own.scratch = self._scratch.clone()
        self._database.scan(buffer, match_event_handler=_note, context=seen, scratch=scratch)
        return seen


def _note(index: int, start: int, end: int, flags: int, seen: set[int]) -> None:
    seen.add(index)
