"""Policy documents by the thousand, the same for the same seed, made of what the base rules care about."""

import random
from collections.abc import Iterator
from typing import Any

from apps.decision.types import JSON

KINDS = ("filesystem", "github", "database", "slack", "web", "generic", "mail")
ACTIONS = ("read", "write", "delete", "execute", "send", "initialize")
TIERS = ("low", "medium", "high", "critical", "", "unknown")
TOOLS = (
    "read_file", "write_file", "deleteRepository", "delete_branch", "push_files", "create_or_update_file",
    "merge_pull_request", "update_ref", "update_repository", "add_collaborator", "post_message", "kick_user",
    "conversations_archive", "admin.users.remove", "query", "fetch", "force-push", "list_secrets", "",
)  # fmt: skip
PATHS = (
    "/srv/data/report.csv", "../x", "/srv/../x", "%2e%2e/x", "a/%2E%2E/%zz", "/etc/passwd", "//etc//shadow", "/etc",
    "file:///etc/hosts", "/usr/bin/x", "/proc/self/environ", ".env", "a/.env.example", "/home/a/.ssh/id_rsa", "~",
    "/home/a/.ssh/id_rsa.pub", "tls/server.KEY", "/", "/*", ".", "notes.txt", "/srv/./data", ".github/workflows/ci.yml",
    "terraform.tfstate", "C:/Windows/x", "%", "a%20b", "",
)  # fmt: skip
SPELLED = (
    "/", "/srv", "/srv/data/report.csv", "~/x", "~/.ssh/id", "/home/ada/.ssh/id", "/users/ada/.ssh",
    "c:/users/ada/.ssh/x", "c:/", "unc:a:b:/c/d/e", "/etc/hosts", "/e*/hosts", "*/x",
    "/srv/*/x/y/z", "a/b/c/d", ".", "/srv/conf/x", "/root",
)  # fmt: skip
URLS = (
    "https://example.com/a?b=c", "http://127.0.0.1/x", "http://10.1.2.3", "http://172.20.0.1", "http://172.32.0.1",
    "http://169.254.169.254/latest", "http://[::1]/", "http://[2606:4700::1]/", "http://0x7f.1/", "http://2130706433/",
    "http://0177.0.0.1/", "http://localhost:80", "http://db.internal", "http://user:p@example.com/", "gopher://x",
    "https://a.nip.io/", "http://metadata.google.internal/", "HTTP://LOCALHOST.", "https://1.1.1.1", "http://999.1.1.1",
    "data:text/plain,x", "http://", "http://192.168.0.1.", "https://198.18.0.1/", "https://exam%70le.com/",
)  # fmt: skip
SQL = (
    "select * from t where id = 1", "DROP TABLE users", "select 'drop table x'", "truncate t", "delete from t",
    "delete from t where true", "update t set a = 1 where b = 2", "update t set a = 1", "insert into t values (1)",
    "select 1; drop schema public", "grant all on t to bob", "alter user x", "select * from pg_shadow",
    "copy t from program 'id'", "select load_file('x')", "select 1 /*!5 drop table x */", "select 1 -- drop table x",
    "select $$'$$; drop table x; --'", "with x as (delete from t where a = 1) select 1", "alter table t drop column c",
    "explain analyze delete from t where id = 1", "select # 'x", "vacuum", "select [a] from t where x = 'drop table y'",
)  # fmt: skip
TEXTS = ("hello", "<!channel> look", "hi @here", "mail a@here.example", "@Everyone", "<!here|x>", "", "0")
POOLS: dict[str, tuple[str, ...]] = {
    "filesystem": PATHS, "github": (*PATHS, "main", "refs/heads/master", "release/1.2", "feature/x", "public"),
    "database": SQL, "slack": TEXTS, "web": URLS, "generic": URLS, "mail": TEXTS,
}  # fmt: skip
NAMES = (
    "path", "paths", "url", "sql", "text", "content", "query", "branch", "ref", "base", "name", "private", "visibility",
    "force", "body", "target", "channel",
)  # fmt: skip
HARD = (
    "line\nbreak",
    'quo"te',
    "back\\slash",
    "nul\0",
    "ünï cødé",
    "İSTANBUL",
    "１２７.0.0.1",
    "\u2028",
    "drop\ntable x",
)


def documents(number: int, seed: int, kind: str = "", *, hard: bool = False) -> Iterator[JSON]:
    """`hard` adds characters that rego-cpp is known to read differently from OPA (its input keeps JSON escapes)."""
    chance = random.Random(seed)
    for _ in range(number):
        yield _document(chance, kind or chance.choice(KINDS), HARD if hard else ())


def _reach(chance: random.Random) -> Any:
    if chance.random() < 0.05:
        return chance.choice([None, {}, "x", {"paths": ["/"]}])
    names = ("report.csv", "report", "memory", "mem*", "*.md", ".env", "*env", "x")
    return {
        "paths": chance.sample(SPELLED, chance.randint(0, 2)),
        "names": chance.sample(names, chance.randint(0, 2)),
        "deletes": chance.sample(SPELLED, 1) if chance.random() < 0.1 else [],
        "recipients": chance.choice((0, 0, 0, 1, 10, 11)),
        "items": chance.choice((1, 1, 1, 50, 51)),
        "unread": chance.random() < 0.05,
    }


def _limits(chance: random.Random) -> Any:
    if chance.random() < 0.2:
        return chance.choice([None, {}, {"min_delete_depth": 1}, {"config_paths": [], "protected_names": []}])
    return {
        "min_delete_depth": chance.randint(1, 5),
        "email_recipient_limit": 10,
        "bulk_action_threshold": 50,
        "config_paths": ["/etc/", "~/.ssh/", "/srv/conf/"],
        "protected_names": ["memory", ".env", "report.csv"],
    }


def _sources(chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return chance.choice([None, {}, "x", [1, {}], [{"tier": "block"}]])
    tiers = ("trusted", "untrusted", "block", "unread", None)
    names = chance.sample(("docs.example.com", "evil.example", "…", "::1"), chance.randint(0, 3))
    return [{"domain": name, "tier": chance.choice(tiers), "rule": "x"} for name in names]


def _document(chance: random.Random, kind: str, hard: tuple[str, ...]) -> JSON:
    pool = POOLS[kind] + hard

    def value(depth: int = 0) -> Any:
        roll = chance.random()
        if depth < 2 and roll < 0.1:
            return {chance.choice(NAMES): value(depth + 1) for _ in range(chance.randint(0, 3))}
        if depth < 2 and roll < 0.2:
            return [value(depth + 1) for _ in range(chance.randint(0, 3))]
        return chance.choice([True, False, None, 0, 1, 2.5, -3]) if roll < 0.3 else chance.choice(pool)

    made: dict[str, Any] = {
        "agent": {
            "id": "agent-1",
            "name": "Reporter",
            "status": chance.choice(("active",) * 5 + ("suspended", "revoked", "")),
            "roles": chance.sample(["reporter", "operator"], chance.randint(0, 2)),
            "permissions": [
                f"{chance.choice((*KINDS, '*'))}:{chance.choice((*ACTIONS, '*'))}" for _ in range(chance.randint(0, 3))
            ],
            "risk_tier": chance.choice(TIERS),
        },
        "request": {
            "method": "tools/call",
            "tool_name": chance.choice(TOOLS),
            "action": chance.choice(ACTIONS),
            "resource": chance.choice((*pool, "")),
            "resource_kind": kind,
            "resource_count": chance.choice((0, 1, 5, 11, 21, 101)),
            "parameters": {chance.choice(NAMES): value() for _ in range(chance.randint(0, 4))},
            "mcp_server": "things",
            "reach": _reach(chance),
        },
        "context": {"session_id": "session-1", "blast_radius": _limits(chance)},
        "requester": {"id": chance.choice(("ada", "", None)), "channel": "", "verified": False},
        "workflow_session": None,
        "delegation": None,
        "dlp": {"has_findings": False, "findings": []},
        "inbound": {"has_findings": False, "findings": []},
    }
    if chance.random() < 0.15:
        made["request"]["sources"] = _sources(chance)
    if chance.random() < 0.1:  # what a fault upstream may leave out
        part = chance.choice(("agent", "request", "requester"))
        if chance.random() < 0.5:
            made[part].pop(chance.choice(sorted(made[part])))
        else:
            made[part] = chance.choice([None, {}, [], "x", 1])
    return made
