"""An agent's identity at one gateway: its credentials and the access token they are exchanged for.

Safe to share between threads, tasks and event loops. At most one token request is under way at a time; while the old
token is still good, nobody waits for it.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import httpx

from .auth import BehavryAuth
from .errors import ConfigurationError, TokenRefused, Unavailable

TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105 - an address
MARGIN = 60.0  # renew this many seconds before expiry, or in the last tenth of a shorter life


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float
    expires_at: float


class Behavry:
    """What is not given is read from BEHAVRY_URL, BEHAVRY_CLIENT_ID, BEHAVRY_CLIENT_SECRET, BEHAVRY_REQUESTER_ID and
    BEHAVRY_REQUESTER_CHANNEL."""

    def __init__(
        self,
        base_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        requester_id: str | None = None,
        *,
        requester_channel: str | None = None,
        system_prompt: str | None = None,
        timeout: float = 10.0,
        allow_http: bool = False,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`system_prompt` is the prompt that the agent runs under: its digest goes with every call, so that the gateway
        can tell when it is not the one the agent was registered with. The prompt itself is not kept and never sent.

        `allow_http` permits a secret to travel unencrypted to a host that is not this one.

        `transport` carries token requests, for tests and for unusual networks.
        """
        self.base_url = _base_url(_setting(base_url, "BEHAVRY_URL"), allow_http)
        self.client_id = _setting(client_id, "BEHAVRY_CLIENT_ID")
        self.requester_id = _optional(requester_id, "BEHAVRY_REQUESTER_ID")
        self.requester_channel = _optional(requester_channel, "BEHAVRY_REQUESTER_CHANNEL")
        self.system_prompt_hash = prompt_hash(system_prompt) if system_prompt is not None else ""
        self._client_secret = _setting(client_secret, "BEHAVRY_CLIENT_SECRET")
        self._timeout = timeout
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._current: _Token | None = None

    def __repr__(self) -> str:
        return f"Behavry(base_url={str(self.base_url)!r}, client_id={self.client_id!r})"

    def token(self) -> str:
        """An access token that is good now; may wait for the network. Raises TokenRefused or Unavailable."""
        current, now = self._current, self._clock()
        if current is not None and now < current.renew_at:
            return current.value
        usable = current if current is not None and now < current.expires_at else None
        if usable is None:
            self._lock.acquire()
        elif not self._lock.acquire(blocking=False):
            return usable.value
        try:
            if self._current is current:  # else somebody renewed it while we came here
                self._current = self._fetch()
        except Unavailable:
            if usable is None:
                raise
            return usable.value
        finally:
            self._lock.release()
        return self._value()

    async def atoken(self) -> str:
        """`token()` for async code: waits in a thread, and only when there is something to wait for."""
        current = self._current
        if current is not None and self._clock() < current.renew_at:
            return current.value
        return await anyio.to_thread.run_sync(self.token)

    def replace(self, refused: str) -> str:
        """A new token after the gateway refused this one; many callers with the same refused token, one request."""
        with self._lock:
            if self._current is None or self._current.value == refused:
                self._current = None
                self._current = self._fetch()
        return self._value()

    async def areplace(self, refused: str) -> str:
        return await anyio.to_thread.run_sync(self.replace, refused)

    def auth(self, requester_id: str | None = None, requester_channel: str | None = None) -> BehavryAuth:
        """For `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`; what is given overrides the client's own."""
        return BehavryAuth(self, requester_id, requester_channel)

    def server_url(self, server: str) -> str:
        """Where the gateway serves the MCP server of this name."""
        return f"{self.base_url}/mcp/v1/{quote(server, safe='')}"

    def _value(self) -> str:
        current = self._current
        if current is None:  # replaced and refused in the same instant
            return self.token()
        return current.value

    def _fetch(self) -> _Token:
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self._client_secret}
        began = self._clock()
        try:
            with httpx.Client(timeout=self._timeout, transport=self._transport) as http:
                response = http.post(f"{self.base_url}{TOKEN_PATH}", data=form)
        except httpx.HTTPError as error:
            # Named, not quoted: what a library writes into its errors is not ours to promise.
            raise Unavailable(f"The gateway cannot be reached ({type(error).__name__})") from None
        return _token(response, began)


def prompt_hash(system_prompt: str) -> str:
    """The SHA-256 digest by which a gateway knows a system prompt: of its UTF-8 text, to the letter."""
    return sha256(system_prompt.encode()).hexdigest()


def _token(response: httpx.Response, began: float) -> _Token:
    body = _json(response)
    if response.status_code == 429 or response.status_code >= 500:
        raise Unavailable(
            f"The gateway answered {response.status_code}", retry_after=_seconds(response.headers.get("Retry-After"))
        )
    if response.status_code != 200:
        raise TokenRefused(
            str(body.get("error") or f"http_{response.status_code}"), str(body.get("error_description", ""))
        )
    value, lifetime = body.get("access_token"), body.get("expires_in")
    if not isinstance(value, str) or not value or not isinstance(lifetime, int | float) or lifetime <= 0:
        raise Unavailable("The gateway's answer is not a token")
    return _Token(value, began + lifetime - min(MARGIN, lifetime / 10), began + lifetime)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _optional(given: str | None, name: str) -> str:
    return given if given is not None else os.environ.get(name, "")


def _setting(given: str | None, name: str) -> str:
    value = given if given is not None else os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"{name} is not set")
    return value


def _base_url(text: str, allow_http: bool) -> httpx.URL:
    try:
        url = httpx.URL(text.rstrip("/"))
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("The gateway's address is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigurationError("The gateway's address must be an http or https URL without credentials or query")
    if url.scheme == "http" and not allow_http and not _is_here(url.host):
        raise ConfigurationError("A secret does not travel over plain http; use https, or say allow_http=True")
    return url


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
