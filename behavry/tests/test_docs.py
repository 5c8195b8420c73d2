"""The documentation and the code say the same: commands, settings, links, addresses, policies and examples."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from apps.audit import stream
from apps.audit.routing import websocket_urlpatterns
from apps.decision.chain import GENESIS
from apps.decision.errors import AppError
from apps.decision.events import EventKind
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.scanner import DEFAULT_ACTIONS
from apps.gateway import door, methods
from apps.policies import checking
from apps.policies.assembly import Source

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "DECISIONS.md", *sorted((ROOT / "docs").glob("*.md"))]


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def _first_line(block: str) -> str:
    return block.partition("\n")[0].rpartition(".")[2]


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
    sources += "".join(path.read_text() for path in (ROOT / "bench").glob("*.py"))
    named = {name for path in DOCUMENTS for name in re.findall(r"`(BEHAVRY_[A-Z_]+)`", path.read_text())}
    assert {name for name in named if name not in sources} == set()


def test_every_make_verb_in_the_documents_exists() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    used = {verb for path in DOCUMENTS for verb in re.findall(r"\bmake ([a-z]+)\b", _code_of(path.read_text()))}
    assert used - verbs == set()
    assert {"run", "test"} <= used


def test_every_management_command_in_the_documents_exists() -> None:
    ours = {path.stem for path in ROOT.glob("apps/*/management/commands/*.py")}
    used = {name for path in DOCUMENTS for name in re.findall(r"manage\.py ([a-z_]+)", path.read_text())}
    assert used - ours - {"check", "createsuperuser", "makemigrations", "spectacular"} == set()


def test_a_command_of_ours_is_not_hidden_by_one_of_the_same_name() -> None:
    found = get_commands()
    ours = {path.stem for path in ROOT.glob("apps/*/management/commands/*.py")} - {"__init__"}
    assert {name: found[name] for name in ours if not str(found[name]).startswith("apps.")} == {}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_named_in_code_marks_exists(path: Path) -> None:
    named = re.findall(r"`((?:apps|behavry|policies|bench|sdk|deploy|docs)/[\w./-]+)`", path.read_text())
    assert [name for name in named if not (ROOT / name.rstrip("/")).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_heading_that_a_link_names_exists(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", path.read_text()):
        document = path.parent / target if target else path
        headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
        known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in known, f"{document.name}#{anchor}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_address_in_a_command_answers(path: Path) -> None:
    addresses = re.findall(r"\$BASE(/[^\s\"'?`]*)", path.read_text())
    assert [address for address in addresses if not _answers(address)] == []


def test_it_notices_an_address_that_does_not_answer() -> None:
    assert _answers("/api/v1/agents") and _answers("/api/v1/dlp/patterns/$PATTERN") and _answers("/mcp/v1/files")
    assert not _answers("/api/v1/agent") and not _answers("/mcp/v2/files")


WITH_POLICIES = ("docs/policies.md", "docs/source-rules.md")
POLICIES = [block for name in WITH_POLICIES for block in re.findall(r"```rego\n(.*?)```", _text(name), re.S)]


@pytest.mark.parametrize("block", POLICIES, ids=_first_line)
def test_every_policy_in_the_documents_can_be_saved_and_activated(block: str) -> None:
    slug = checking.slug_of(block)
    checking.check(block, slug)
    assert checking.compiled([Source(slug, block)])


def test_a_broken_policy_would_be_noticed() -> None:
    with pytest.raises(AppError):
        checking.check("package behavry.tenant.x\n\nverdicts contains http.send({})\n", "x")


def test_every_base_rule_is_in_the_table() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", _text("docs/policies.md"), re.M))
    assert {path.name for path in (ROOT / "policies/behavry/rules").iterdir()} == listed


def test_the_table_of_patterns_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+) \| (\w+)(, switched off)? \|$", _text("docs/dlp.md"), re.M)
    coded = {(p.name, p.title, str(p.severity), str(DEFAULT_ACTIONS[p.severity]), p.enabled) for p in BUILTIN_PATTERNS}
    assert {(name, title, severity, action, not off) for name, title, severity, action, off in rows} == coded


def test_every_method_of_the_client_is_in_the_table() -> None:
    text = _text("docs/gateway.md")
    missing = [m for m in methods.FROM_CLIENT if f"`{m}`" not in text and f"`…/{m.partition('/')[2]}`" not in text]
    assert missing == []


def test_every_kind_of_entry_named_in_the_documents_exists() -> None:
    kinds = {kind.label for kind in EventKind}
    prefixes = "|".join(sorted({kind.partition(".")[0] for kind in kinds} - {"agent", "policy", "server"}))
    named = {name for path in DOCUMENTS for name in re.findall(rf"`((?:{prefixes})\.[a-z_]+)`", path.read_text())}
    rules = "".join(path.read_text() for path in (ROOT / "policies/behavry/rules").rglob("*.rego"))
    assert named - kinds - set(re.findall(r'"policy": "([a-z_.]+)"', rules)) == set()
    assert "call.decision" in named


def test_the_example_of_the_hash_is_right_and_the_check_in_the_documents_agrees() -> None:
    text = _text("docs/audit.md")
    body = re.findall(r"```json\n(\{.*\})\n```", text)[-1]
    digest = hashlib.sha256((GENESIS + body).encode()).hexdigest()
    assert digest == re.findall(r"^    ([0-9a-f]{64})$", text, re.M)[-1]
    script = re.findall(r"```python\n(.*?)```", text, re.S)[-1]
    line = f'{body[:-1]},"previous_hash":"{GENESIS}","event_hash":"{digest}"}}'
    assert _run(script, line) == f"1 entries, the last hash is {digest}"
    assert _run(script, line.replace("alice", "mallory")) == "broken at 1"


def _run(script: str, given: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def _answers(address: str) -> bool:
    """Whether a tenant's host has something at this address; a variable in it may stand for any id."""
    for value in (str(UUID(int=1)), "1", "word"):
        path = re.sub(r"\$\w+|<\w+>", value, address)
        if path == stream.PATH or any(pattern.pattern.match(path[1:]) for pattern in websocket_urlpatterns):
            return True
        if path.startswith((door.PREFIX, door.METADATA_PREFIX)):
            return True
        try:
            resolve(path, urlconf="behavry.urls")
        except Resolver404:
            continue
        return True
    return False


def _code_of(text: str) -> str:
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))
