"""What the house asserts about itself: sizes, families, and that background work names its tenant."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from apps.decision.events import EventKind
from behavry.celery import app as celery_app

ROOT = Path(__file__).resolve().parents[2]
HARD_STOP = 400
CODE = {".py", ".rego", ".js", ".mjs", ".ts", ".html", ".css"}
PINS = [ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt")]
PLATFORM_TASKS = {"tenants.for_each_tenant"}


def tracked() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def code() -> list[Path]:
    return [path for path in tracked() if path.suffix in CODE and "/migrations/" not in str(path)]


def test_no_file_is_longer_than_the_hard_stop() -> None:
    long = {str(path.relative_to(ROOT)): n for path in code() if (n := len(path.read_text().splitlines())) > HARD_STOP}
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in code()
        if path.suffix == ".py"
        and path.read_text().strip()
        and not re.match(r'\s*(#[^\n]*\n)*\s*r?"""', path.read_text())
    ]
    assert silent == []


def test_no_room_or_file_has_a_name_that_says_nothing() -> None:
    nothing = {"core", "common", "utils", "helpers", "manager", "engine"}
    assert [path for path in code() if nothing & set(path.relative_to(ROOT).with_suffix("").parts)] == []


def test_no_file_of_this_project_is_larger_than_a_megabyte() -> None:
    assert [path for path in tracked() if path.stat().st_size > 1_000_000] == []


def test_every_background_task_takes_a_schema() -> None:
    celery_app.loader.import_default_modules()
    ours = {name: task for name, task in celery_app.tasks.items() if not name.startswith("celery.")}
    assert ours.keys() >= PLATFORM_TASKS
    assert [
        name for name, task in ours.items() if name not in PLATFORM_TASKS and not getattr(task, "takes_schema", False)
    ] == []


def test_every_scheduled_job_names_a_task_that_exists() -> None:
    celery_app.loader.import_default_modules()
    for name, job in settings.CELERY_BEAT_SCHEDULE.items():
        assert job["task"] in celery_app.tasks, name
        for target in job.get("args", ()):
            assert target in celery_app.tasks, name


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_entry_is_explained(kind: EventKind) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind.label)
    assert kind.meaning and not kind.meaning.endswith(".")


def test_the_kinds_of_entries_have_distinct_labels() -> None:
    assert len({kind.label for kind in EventKind}) == len(EventKind)


def test_no_environment_variable_is_read_outside_settings() -> None:
    """Rooms get settings; only where the gateway starts a backend's process does it hand an environment on."""
    readers = [
        str(path.relative_to(ROOT))
        for path in code()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / "apps")
        and not {"tests", "transports", "patterns"} & set(path.parts)
        and re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert readers == []


def test_the_constraints_pin_what_the_requirements_pin() -> None:
    pins = []
    for path in PINS:
        text = path.read_text().lower().replace("_", "-")
        pins.append(dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==([\w.]+)", text, re.M)))
    required, constrained = {**pins[0], **pins[1]}, pins[2]
    assert {name: version for name, version in required.items() if constrained.get(name) != version} == {}


def test_only_the_tenants_room_switches_schema() -> None:
    switch = re.compile(r"\b(set_schema\(|set_tenant\(|schema_context|tenant_context|search_path\s*=)")
    elsewhere = [
        str(path.relative_to(ROOT))
        for path in code()
        if path.suffix == ".py"
        and "tests" not in path.parts
        and "tenants" not in path.parts
        and switch.search(path.read_text())
    ]
    assert elsewhere == []
