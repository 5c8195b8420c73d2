"""The documentation and the code say the same: commands, settings, and links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "DECISIONS.md", *sorted((ROOT / "docs").glob("*.md"))]
COMPOSE_ONLY = {"BEHAVRY_OWNER_DATABASE_PASSWORD", "BEHAVRY_REDIS_PASSWORD"}


def settings_in_code() -> set[str]:
    text = (ROOT / "behavry/settings.py").read_text()
    return set(re.findall(r'env(?:str|bool|int|secret|list)\("([A-Z_]+)"', text))


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))
    assert settings_in_code() - documented == set()


def test_every_documented_setting_exists() -> None:
    sources = (
        "".join(path.read_text() for path in (ROOT / "behavry").glob("*.py"))
        + (ROOT / "docker-compose.yml").read_text()
    )
    sources += (ROOT / "Makefile").read_text() + "".join(path.read_text() for path in (ROOT / "sdk").rglob("*.py"))
    named = {name for path in DOCUMENTS for name in re.findall(r"`(BEHAVRY_[A-Z_]+)`", path.read_text())}
    assert {name for name in named if name not in sources} == set()


def test_every_make_verb_in_the_documents_exists() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    used = {verb for path in DOCUMENTS for verb in re.findall(r"\bmake ([a-z]+)\b", _code_of(path.read_text()))}
    assert used - verbs == set()
    assert {"run", "test"} <= used


def test_every_management_command_in_the_documents_exists() -> None:
    commands = {path.stem for path in ROOT.glob("apps/*/management/commands/*.py")} | {
        "check",
        "makemigrations",
        "spectacular",
    }
    used = {name for path in DOCUMENTS for name in re.findall(r"manage\.py ([a-z_]+)", path.read_text())}
    assert used - commands == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_named_in_code_marks_exists(path: Path) -> None:
    named = re.findall(r"`((?:apps|behavry|policies|bench|sdk|deploy|docs)/[\w./-]+)`", path.read_text())
    assert [name for name in named if not (ROOT / name.rstrip("/")).exists()] == []


def _code_of(text: str) -> str:
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))
