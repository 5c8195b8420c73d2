"""Client for agents governed by Behavry: a token fetched once, renewed in time, and sent with every call."""

from .auth import BehavryAuth
from .client import Behavry, prompt_hash
from .errors import BehavryError, ConfigurationError, TokenRefused, Unavailable

__all__ = ["Behavry", "BehavryAuth", "BehavryError", "ConfigurationError", "TokenRefused", "Unavailable", "prompt_hash"]
