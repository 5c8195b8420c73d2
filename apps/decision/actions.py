"""What a tool call does, read from its name and arguments: the verb, what it touches, and how much of it.

A name that says nothing is EXECUTE, the most demanding of the sensible answers: an agent then needs the permission to
run anything, and an administrator can name the right verb for the tool (`overrides`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from apps.decision.types import JSON, Action

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MAX_NAME = 256

_VERBS: Mapping[Action, str] = MappingProxyType(
    {
        Action.READ: (
            "read get list search query find fetch show describe view lookup look count check download browse "
            "open cat ls head tail stat tree diff status history log logs info inspect retrieve select explain "
            "preview peek watch monitor poll scan summarize summarise analyze analyse compare verify validate "
            "test ping whoami help echo discover resolve extract parse load crawl scrape screenshot snapshot "
            "export"
        ),
        Action.WRITE: (
            "write create update put patch insert upsert add append edit modify set save upload copy move rename "
            "mkdir touch store replace change configure enable disable assign label tag comment fork merge push "
            "commit branch close reopen lock unlock archive restore import register subscribe star pin unpin "
            "schedule approve upgrade migrate alter fill attach link invite grant make build generate draft mark "
            "transition"
        ),
        Action.DELETE: (
            "delete remove destroy drop purge erase unlink rm rmdir truncate clear wipe revoke uninstall prune "
            "trash discard unsubscribe detach deregister unregister"
        ),
        Action.EXECUTE: (
            "execute exec run call invoke eval evaluate start stop restart kill spawn launch trigger deploy shell "
            "bash command terminal rollback apply install click navigate press type script sudo"
        ),
        Action.SEND: (
            "send post publish message notify email mail reply forward broadcast tweet dm submit share transfer "
            "pay webhook announce dispatch emit"
        ),
    }
)
_ACTION_OF: Mapping[str, Action] = MappingProxyType(
    {word: action for action, words in _VERBS.items() for word in words.split()}
)
# Where a name holds several verbs ("get_and_delete", "run_query"), the one that asks for more decides.
_DEMAND: Mapping[Action, int] = MappingProxyType(
    {Action.READ: 0, Action.WRITE: 1, Action.SEND: 2, Action.EXECUTE: 3, Action.DELETE: 4}
)
# Verbs that are as often the thing: in "get_comment" and "message.delete" the other word is the verb.
_NOUN_VERBS = (
    "comment message post email mail tag label test log logs draft import export share link branch commit "
    "merge fork script command shell terminal type count status history diff tree stat snapshot screenshot "
    "archive webhook invite grant restore store set open build mark scan query look head tail cat dm tweet "
    "reply star pin"
)
_NOUNS = frozenset(_NOUN_VERBS.split())
_JOINS = frozenset({"and", "or", "then"})

# Argument names that say what a call touches, most telling first.
_RESOURCE_ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "filesystem": (
            "path",
            "paths",
            "file_path",
            "filepath",
            "filename",
            "source",
            "destination",
            "directory",
            "dir",
            "uri",
        ),
        "github": ("repo", "repository", "repo_name", "name", "org", "organization", "query"),
        "database": ("table", "table_name", "tables", "collection", "database", "db", "schema"),
        "slack": ("channel", "channel_id", "channels", "channel_name", "conversation", "user", "users"),
        "web": ("url", "urls", "uri", "href", "link", "domain", "host"),
        "generic": ("path", "paths", "uri", "uris", "url", "urls", "id", "ids", "name", "names", "resource", "target"),
    }
)
_OWNER_ARGUMENTS = ("owner", "org", "organization")
_SQL_ARGUMENTS = ("sql", "query", "statement")
_SQL_TABLE = re.compile(
    r"\b(?:from|into|update|join|table(?:\s+if\s+(?:not\s+)?exists)?)\s+[\"'`\[]?"
    r"([A-Za-z_][\w$]{0,127}(?:\.[A-Za-z_][\w$]{0,127})?)",
    re.IGNORECASE,
)
_SQL_ACTION = re.compile(
    r"\b(?:(?P<delete>delete|drop|truncate)|(?P<write>insert|update|merge|create|alter|grant|revoke|replace|copy)"
    r"|(?P<execute>call|exec|execute|do)|(?P<read>select|with|show|explain|describe|values|table))\b",
    re.IGNORECASE,
)
_MAX_SQL = 10_000
_MAX_RESOURCE = 1_024


@dataclass(frozen=True, slots=True)
class Classified:
    """`resource` is "" when the arguments do not say; `resource_count` is at least 1."""

    action: Action
    resource: str
    resource_count: int


def classify(
    tool_name: str, arguments: JSON, kind: str, overrides: Mapping[str, str] = MappingProxyType({})
) -> Classified:
    """`overrides` maps tool names, with or without their namespace, to actions; an unknown action counts for none."""
    resource, count = _resource(arguments, kind)
    return Classified(_overridden(tool_name, overrides) or _action(tool_name, arguments, kind), resource, count)


def _overridden(tool_name: str, overrides: Mapping[str, str]) -> Action | None:
    wanted = overrides.get(tool_name) or overrides.get(_bare(tool_name))
    try:
        return Action(wanted) if wanted else None
    except ValueError:
        return None


def _bare(tool_name: str) -> str:
    """Without a namespace: `server__tool`, `server/tool`, `server:tool`."""
    return re.split(r"__|[/:]", tool_name)[-1] or tool_name


def _action(tool_name: str, arguments: JSON, kind: str) -> Action:
    words = [word.lower() for word in _WORD.findall(_bare(tool_name)[:_MAX_NAME])]
    named = _named(words)
    if kind == "database" and (named in (None, Action.READ, Action.EXECUTE)) and (found := _sql_action(arguments)):
        return found
    return named or Action.EXECUTE


def _named(words: list[str]) -> Action | None:
    """The verb leads ("delete_file") or trails ("file.delete"); of several joined by "and" the most demanding one."""
    verbs = [(index, word) for index, word in enumerate(words) if word in _ACTION_OF]
    if not verbs:
        return None
    verbs = [(index, word) for index, word in verbs if word not in _NOUNS] or verbs
    if _JOINS & set(words):
        return max((_ACTION_OF[word] for _, word in verbs), key=_DEMAND.__getitem__)
    first, last = verbs[0], verbs[-1]
    trails = first[0] > 0 and last[0] == len(words) - 1
    return _ACTION_OF[last[1] if trails else first[1]]


def _sql_action(arguments: JSON) -> Action | None:
    """The most demanding statement of the SQL text; a name like `query` says nothing about what it runs."""
    sql = _sql(arguments)
    found = {str(match.lastgroup) for match in _SQL_ACTION.finditer(sql)}
    return max((Action(name) for name in found), key=_DEMAND.__getitem__, default=None)


def _sql(arguments: JSON) -> str:
    if not isinstance(arguments, dict):
        return ""
    return next((text[:_MAX_SQL] for key in _SQL_ARGUMENTS if isinstance(text := arguments.get(key), str)), "")


def _resource(arguments: JSON, kind: str) -> tuple[str, int]:
    if not isinstance(arguments, dict):
        return "", 1
    names = _RESOURCE_ARGUMENTS.get(kind, ())
    for key in (*names, *_RESOURCE_ARGUMENTS["generic"]):
        name, count = _name_of(arguments.get(key))
        if name:
            if kind == "github" and "/" not in name and (owner := _owner(arguments, key)):
                name = f"{owner}/{name}"
            return name[:_MAX_RESOURCE], max(count, _longest_list(arguments, names))
    if kind == "database" and (table := _SQL_TABLE.search(_sql(arguments))):
        return table[1][:_MAX_RESOURCE], 1
    return "", max(1, _longest_list(arguments, names))


def _owner(arguments: dict[str, JSON], taken: str) -> str:
    values = (arguments.get(key) for key in _OWNER_ARGUMENTS if key != taken)
    return next((value for value in values if isinstance(value, str) and value), "")


def _name_of(value: JSON) -> tuple[str, int]:
    """A resource's name, and how many there are: a list's first stands for all."""
    if isinstance(value, list):
        return (_name_of(value[0])[0], len(value)) if value and not isinstance(value[0], list) else ("", len(value))
    if isinstance(value, dict):
        return next((name for key in ("path", "uri", "url", "id", "name") if (name := _scalar(value.get(key)))), ""), 1
    return _scalar(value), 1


def _scalar(value: JSON) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64 else ""


def _longest_list(arguments: dict[str, JSON], names: tuple[str, ...]) -> int:
    known = {
        *names,
        *_RESOURCE_ARGUMENTS["generic"],
        "files",
        "items",
        "records",
        "rows",
        "messages",
        "recipients",
        "to",
    }
    return (
        max((len(value) for key, value in arguments.items() if key in known and isinstance(value, list)), default=1)
        or 1
    )
