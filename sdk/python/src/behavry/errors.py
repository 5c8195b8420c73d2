"""What can go wrong before a governed call is on its way.

BehavryError
├── ConfigurationError   a setting is missing or unsafe; nothing was sent
├── TokenRefused         the gateway refuses this agent; trying again will not help
└── Unavailable          the gateway cannot be reached or is busy; try again, after `retry_after` seconds if known
"""


class BehavryError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(BehavryError):
    """A setting is missing or unsafe."""


class TokenRefused(BehavryError):  # noqa: N818 - named for what happened
    """`code` is the OAuth error code: `invalid_client`, `unauthorized_client`, …"""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class Unavailable(BehavryError):  # noqa: N818 - likewise
    """The gateway cannot be reached or is busy."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
