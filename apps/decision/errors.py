"""The one tree of exceptions. A denial is a value (`Decision`), never one of these.

AppError
├── BadInput (400)       the caller sent something that cannot be used; `fields` says where
├── NotAuthenticated (401)
├── NotAllowed (403)
├── NotFound (404)
├── Conflict (409)
├── TooLarge (413)
├── RateLimited (429)    `retry_after` in seconds
├── Unavailable (503)    a part that a decision needs is missing, late or broken
│   └── Outdated         the rules moved, or time passed, between the decision and the act: judge again
└── UpstreamFailed (502) the upstream answered wrongly or not at all
"""

from collections.abc import Mapping


class AppError(Exception):
    """An error that may be shown to the caller. `code` is stable and machine readable."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        fields: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.fields = dict(fields or {})
        self.retry_after = retry_after


class BadInput(AppError):
    status, code = 400, "bad_input"


class NotAuthenticated(AppError):
    status, code = 401, "not_authenticated"


class NotAllowed(AppError):
    status, code = 403, "not_allowed"


class NotFound(AppError):
    status, code = 404, "not_found"


class Conflict(AppError):
    status, code = 409, "conflict"


class TooLarge(AppError):
    status, code = 413, "too_large"


class RateLimited(AppError):
    status, code = 429, "rate_limited"


class UpstreamFailed(AppError):
    status, code = 502, "upstream_failed"


class Unavailable(AppError):
    status, code = 503, "unavailable"


class Outdated(Unavailable):
    """What was decided may no longer hold. Whoever catches it gathers and judges again, or refuses."""

    code = "outdated"
