"""The five limits over a table of argument shapes, and what must hold for any shape at all."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision import pipeline
from apps.decision.facts import BlastRadius
from apps.decision.reach import reach_of
from apps.decision.screens import blast_radius
from apps.decision.tests.builders import ALLOWED, make_call, make_facts, make_rulebook
from apps.decision.tests.shapes_deletions import DELETIONS
from apps.decision.tests.shapes_others import OTHERS
from apps.decision.types import JSON, Action, Call, Effect

SHAPES = [(expected, kind, Action.DELETE, given) for expected, kind, given in DELETIONS] + list(OTHERS)
ACTING = frozenset({Action.WRITE, Action.DELETE, Action.SEND})


def called(kind: str, action: Action, arguments: JSON) -> Call:
    reach = reach_of(kind, arguments, limits=action in ACTING)
    return make_call(resource_kind=kind, action=action, arguments=arguments, reach=reach)


def said(call: Call, limits: BlastRadius | None = None) -> str:
    facts = make_facts(book=make_rulebook(blast_radius=limits or BlastRadius()))
    if blast_radius.screen(call, facts, ()) is not None:
        return "shallow"
    found = {verdict.policy.removeprefix("blast_radius.") for verdict in blast_radius.raised(call, facts)}
    return "+".join(sorted(one.removesuffix("_path").removesuffix("_file") for one in found))


@pytest.mark.parametrize(("expected", "kind", "action", "arguments"), SHAPES)
def test_it_holds_every_shape_to_its_limits(expected: str, kind: str, action: Action, arguments: JSON) -> None:
    call = called(kind, action, arguments)
    assert said(call) == expected, call.reach


def test_the_table_is_worth_its_name() -> None:
    assert len(SHAPES) >= 200
    assert sum(not expected for expected, *_ in SHAPES) >= 60


def test_it_denies_a_shallow_deletion_before_policy_is_asked() -> None:
    call = called("filesystem", Action.DELETE, {"path": "/srv"})
    decision = pipeline.screen(call, make_facts(), ())
    assert decision is not None
    assert (decision.effect, decision.policy, decision.stage) == (
        Effect.DENY,
        "blast_radius.shallow_delete",
        "blast_radius",
    )


def test_it_escalates_what_policy_allows() -> None:
    call = called("email", Action.SEND, {"to": [f"{number}@a.example" for number in range(11)]})
    decision = pipeline.conclude(call, make_facts(), (), ALLOWED)
    assert (decision.effect, decision.policy) == (Effect.ESCALATE, "blast_radius.recipients")
    assert len(decision.verdicts) == 2


def test_it_obeys_the_tenants_own_limits() -> None:
    two = called("filesystem", Action.DELETE, {"path": "/srv/data"})
    assert said(two, BlastRadius(min_delete_depth=2)) == ""
    assert said(called("filesystem", Action.DELETE, {"path": "/a/b/c/d"}), BlastRadius(min_delete_depth=5)) == "shallow"
    mail = called("email", Action.SEND, {"to": "a@a.example, b@a.example"})
    assert said(mail, BlastRadius(email_recipient_limit=1)) == "recipients"
    three = called("generic", Action.WRITE, {"ids": [1, 2, 3]})
    assert said(three, BlastRadius(bulk_action_threshold=2)) == "bulk"
    own = BlastRadius(config_paths=("/Opt/App/",), protected_names=("Ledger.csv",))
    assert said(called("filesystem", Action.WRITE, {"path": "/opt/app/x"}), own) == "config"
    assert said(called("filesystem", Action.READ, {"path": "/x/ledger.CSV.old"}), own) == "protected"
    assert said(called("filesystem", Action.WRITE, {"path": "/etc/.env"}), own) == ""


def test_it_covers_the_address_of_a_resource() -> None:
    call = replace(called("filesystem", Action.READ, {"uri": "file:///srv/agent/MEMORY.md"}), method="resources/read")
    assert said(call) == "protected"


def test_it_asks_for_no_path_where_nothing_is_deleted_by_a_tool() -> None:
    call = replace(called("filesystem", Action.DELETE, {"taskId": "t"}), method="tasks/cancel")
    assert said(call) == ""


_ORDER = {"": 0, "config": 1, "protected": 1, "config+protected": 1, "unreadable": 1, "shallow": 2}
_PART = st.text(alphabet="abcdeMORY.env~-", min_size=1, max_size=6) | st.sampled_from(
    ["etc", ".ssh", "MEMORY.md", ".."]
)
_PATH = st.builds(
    lambda root, parts: root + "/".join(parts), st.sampled_from(["", "/", "~/"]), st.lists(_PART, max_size=5)
)


def _percent(path: str) -> str:
    return "".join(f"%{ord(one):02X}" for one in path)


@given(path=_PATH, action=st.sampled_from([Action.READ, Action.WRITE, Action.DELETE]), data=st.data())
def test_no_spelling_lowers_what_is_said_of_a_path(path: str, action: Action, data: st.DataObject) -> None:
    spell = data.draw(
        st.sampled_from(
            [
                _percent,
                lambda path: _percent(_percent(path)),
                lambda path: path.replace("/", "//"),
                lambda path: path.replace("/", "/./"),
                lambda path: path.replace("/", "\\"),
                lambda path: path.replace("/", "\uff0f"),
                lambda path: path.replace("/", "\u2215"),
                lambda path: path.replace(".", "\uff0e"),
                lambda path: path.replace("/", "/x/../"),
                lambda path: f" {path}/. ",
                lambda path: f"{path}\0.png",
                str.upper,
                lambda path: f"file://{path}" if path.startswith("/") else path,
            ]
        )
    )
    plain, dressed = (said(called("filesystem", action, {"path": one})) for one in (path, spell(path)))
    assert _ORDER[dressed] >= _ORDER[plain] or not path


@given(to=st.lists(st.emails(), max_size=30), more=st.lists(st.emails(), max_size=5))
def test_more_recipients_never_count_for_less(to: list[str], more: list[str]) -> None:
    few, many = (reach_of("email", {"to": one}) for one in (to, to + more))
    assert few.recipients <= many.recipients
    assert reach_of("email", {"to": ", ".join(to)}).recipients >= few.recipients or any('"' in one for one in to)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["/", "~", "a@b", "[1", "%2f"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text() | st.sampled_from(["path", "to", "items", "op", "command", "count", "files"]), inner
        )
    ),
)


@given(kind=st.sampled_from(["filesystem", "email", "slack", "shell", "github", "generic", "?"]), arguments=_JSON)
def test_it_reads_whatever_comes(kind: str, arguments: JSON) -> None:
    for action in Action:
        call = called(kind, action, arguments)
        said(call)
        assert call.reach.items >= 1
        assert all(path == path.lower() for path in call.reach.paths if path.isascii())


def test_a_long_line_of_the_same_words_is_read_in_one_pass() -> None:
    began = time.process_time()
    reach_of("shell", {"command": "sudo " + "find " * 13_000})  # took seconds when each word looked through the rest
    assert time.process_time() - began < 1.0
