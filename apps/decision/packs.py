"""What the arguments of a call mean, by the kind of server: one table of argument names, read by every stage.

Names are compared without regard to case and separators: `filePath`, `file_path` and `FILE-PATH` are one name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from apps.decision.types import JSON


class Part(Enum):
    """What a value stands for in a call."""

    PATH = "path"
    RECIPIENT = "recipient"
    COMMAND = "command"  # a line for a shell
    COUNT = "count"  # how many things
    TIMES = "times"  # how many times all of it
    LIMIT = "limit"  # at most so many things; what a reading call looks at is no thing it acts on
    ALL = "all"  # true: everything there is
    VERB = "verb"  # what is done, where one tool does several things
    ITEM = "item"  # lists of things; a list in a list is a batch in a batch
    ROW = "row"  # lists of things that are lists themselves
    DETAIL = "detail"  # lists that describe one thing
    PROSE = "prose"  # text that speaks about things


@dataclass(frozen=True, slots=True)
class Pack:
    """`resource`: which arguments name the thing a call touches, first hit counts. `base`: what paths are below."""

    resource: tuple[str, ...]
    parts: Mapping[str, Part]
    base: tuple[str, ...] = ()
    addresses: bool = False  # any URI names a place in a tree of files
    guess: bool = False  # an absolute path is one in any argument


_COMMON: Final = {
    Part.COUNT: "count quantity itemcount",
    Part.TIMES: "repeat times copies iterations repetitions",
    Part.LIMIT: "limit max maxitems maxcount maxresults top batchsize pagesize perpage",
    Part.ALL: "all deleteall selectall removeall everything includeall",
    Part.VERB: "op operation action verb mode method type subcommand tool toolname",
    Part.ITEM: "items ids batch batches operations ops requests entries files paths",
    Part.ROW: "rows values records data table",
    Part.DETAIL: """
        tags labels fields columns select edits changes hunks replacements blocks params parameters args argv headers
        exclude excludes excludepatterns include includes ignore embedding vector topics scopes permissions roles
    """,
    Part.PROSE: """
        content contents text body oldtext newtext oldstring newstring message prompt description title subject note
        notes comment summary html markdown reason
    """,
    Part.COMMAND: "command cmd commandline shellcommand script shell",
}
_PATHS: Final = """
    path paths filepath filepaths filename filenames file files fullpath absolutepath relativepath targetfile
    targetpath sourcepath destinationpath destpath outputpath outputfile output inputfile inputpath savepath
    downloadpath localpath remotepath oldpath newpath frompath topath directory directories dir dirs folder folders
    dirname uri uris
"""
_MOVES: Final = "source sources target targets destination destinations dest src dst from to location root cwd"
_PEOPLE: Final = """
    to cc bcc recipient recipients torecipients ccrecipients bccrecipients emails emailaddress emailaddresses
    attendees invitees sendto mailto toaddress toaddresses ccaddresses bccaddresses recipientlist receiver receivers
"""


def _pack(
    resource: str, more: Mapping[Part, str], *, base: str = "", addresses: bool = False, guess: bool = False
) -> Pack:
    words = {word: part for given in (_COMMON, more) for part, text in given.items() for word in text.split()}
    return Pack(tuple(resource.split()), MappingProxyType(words), tuple(base.split()), addresses, guess)


_GENERIC: Final = _pack(
    "resource uri url path file table channel repository repo name id",
    {Part.RECIPIENT: _PEOPLE, Part.PATH: _PATHS},
    guess=True,
)
PACKS: Final[Mapping[str, Pack]] = MappingProxyType(
    {
        "filesystem": _pack(
            "path file_path filepath filename file directory dir source uri paths files",
            {Part.PATH: f"{_PATHS} {_MOVES} url"},
            addresses=True,
            guess=True,
        ),
        "shell": _pack(
            "command cmd script path cwd",
            {
                Part.PATH: f"{_PATHS} {_MOVES}",
                Part.COMMAND: "command cmd commandline shellcommand script shell code args",
            },
            addresses=True,
            guess=True,
        ),
        "github": _pack(
            "repository repo full_name owner org",
            {Part.PATH: f"{_PATHS} oldname newname", Part.RECIPIENT: "assignees reviewers invitees members"},
            base="owner repository repo",
        ),
        "database": _pack(
            "table table_name collection database schema sql query",
            {Part.PATH: f"{_PATHS} dbpath databasepath backuppath", Part.RECIPIENT: _PEOPLE},
        ),
        "slack": _pack(
            "channel channel_id user user_id",
            {
                Part.PATH: _PATHS,
                Part.ITEM: "file files",  # by their ids
                Part.RECIPIENT: f"{_PEOPLE} channel channels channelid channelids user users userid userids members",
            },
        ),
        "web": _pack(
            "url uri href domain query",
            # "/users/7" below an address is no path in a tree of files.
            {
                Part.PATH: f"{_PATHS} url urls href hrefs link links",
                Part.RECIPIENT: _PEOPLE,
                Part.DETAIL: f"{_COMMON[Part.DETAIL]} path paths",
            },
        ),
        "email": _pack(
            "to recipient recipients message_id thread_id mailbox folder subject",
            {Part.PATH: f"{_PATHS} attachment attachments", Part.RECIPIENT: f"{_PEOPLE} email mail address addresses"},
        ),
        "generic": _GENERIC,
    }
)
_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "files": "filesystem", "file": "filesystem", "fs": "filesystem", "terminal": "shell", "bash": "shell",
        "exec": "shell", "gitlab": "github", "sql": "database", "postgres": "database",
        "mysql": "database", "sqlite": "database", "teams": "slack", "chat": "slack", "browser": "web",
        "http": "web", "fetch": "web", "mail": "email", "gmail": "email", "smtp": "email",
    }
)  # fmt: skip
# Kinds whose deletions always have a path: one that names none cannot be judged. The Rego rule has the same list.
FILE_KINDS: Final = frozenset({"filesystem", "files", "file", "fs"})
_LONGEST: Final = 64


def pack_of(kind: str) -> Pack:
    return PACKS.get(kind) or PACKS.get(_ALIASES.get(kind, ""), _GENERIC)


def part_of(kind: str, name: str) -> Part | None:
    """What an argument of this name is to this kind of server."""
    return _part(kind, name) if len(name) <= _LONGEST else None


def below(kind: str, arguments: JSON) -> str:
    """What a call's paths are in, where the pack says so: a repository is two names deep, whatever it is called."""
    base = pack_of(kind).base
    if not base or not isinstance(arguments, dict):
        return ""
    said = "/".join(one for key in base if isinstance(one := arguments.get(key), str))
    return "/".join(said.split("/")[-2:])


@lru_cache(4096)
def _part(kind: str, name: str) -> Part | None:
    plain = name.lower()
    for separator in "_-. ":
        plain = plain.replace(separator, "")
    return pack_of(kind).parts.get(plain)
