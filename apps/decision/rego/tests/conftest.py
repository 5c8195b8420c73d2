"""One compiler process for all tests of this room."""

from collections.abc import Iterator

import pytest

from apps.decision.rego import Compiler


@pytest.fixture(scope="session")
def compiler() -> Iterator[Compiler]:
    with Compiler() as shared:
        yield shared
