"""What can go wrong between the door and the upstream, beyond the house's tree: each with its JSON-RPC code.

Codes -32000 to -32019 are free for implementations; -32000 and -32001 are left alone, since client libraries use them.
"""

from typing import Final

from apps.decision.errors import (
    AppError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    TooLarge,
    Unavailable,
    UpstreamFailed,
)

DENIED: Final = -32003
UNAVAILABLE: Final = -32005
UPSTREAM_FAILED: Final = -32006
UPSTREAM_SLOW: Final = -32007
OVERLOADED: Final = -32008
NOT_AUTHENTICATED: Final = -32009
NOT_FOUND: Final = -32010
TOO_LARGE: Final = -32011


class UpstreamSlow(UpstreamFailed):
    status, code = 504, "upstream_slow"


class SessionGone(NotFound):
    """The session is unknown, over, or another agent's: all three look alike. A client starts a new one."""

    code = "session_gone"


class CallerGone(Exception):  # noqa: N818 - a business word
    """The client closed its connection before the answer; nobody is left to be told."""


def rpc_code(error: AppError) -> int:
    """The JSON-RPC code that goes with an error of the house."""
    if isinstance(error, UpstreamSlow):
        return UPSTREAM_SLOW
    if isinstance(error, UpstreamFailed):
        return UPSTREAM_FAILED
    if isinstance(error, RateLimited):
        return OVERLOADED
    if isinstance(error, SessionGone):
        return -32600  # what the official servers answer; clients recognise the status 404
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, TooLarge):
        return TOO_LARGE
    if isinstance(error, Unavailable):
        return UNAVAILABLE
    if isinstance(error, NotAuthenticated):
        return NOT_AUTHENTICATED
    if isinstance(error, NotAllowed):
        return DENIED
    return -32603
