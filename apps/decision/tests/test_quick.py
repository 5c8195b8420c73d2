"""A quick dataclass differs from its plain twin in nothing but time."""

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from apps.decision.quick import quick


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)
    note: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)
    note: str | None = None


def test_it_takes_and_gives_the_same() -> None:
    for given in ({"name": "a"}, {"name": "a", "size": 0, "tags": ["x"], "note": "n"}):
        plain, made = Plain(**given), Quick(**given)
        assert repr(plain).partition("(")[2] == repr(made).partition("(")[2]
    assert Quick("a", 5, ["t"], "n") == replace(Quick("a", 5, ["t"]), note="n")


def test_what_is_made_is_made_anew_each_time() -> None:
    assert Quick("a").tags is not Quick("a").tags


def test_it_refuses_what_its_twin_refuses() -> None:
    for given in ({}, {"name": "a", "unknown": 1}):
        for kind in (Plain, Quick):
            with pytest.raises(TypeError):
                kind(**given)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(FrozenInstanceError):
        Quick("a").size = 4  # type: ignore[misc]  # on purpose
