"""Puts the token and the requester on each request, and tries once more with a new token when the gateway says 401."""

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

import httpx

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .client import Behavry

REQUESTER, CHANNEL, PROMPT = "X-Requester-Id", "X-Requester-Channel", "X-System-Prompt-Hash"


class BehavryAuth(httpx.Auth):
    """For sync and async clients. Refuses to send the token anywhere but to its own gateway."""

    requires_request_body = True  # a request may be sent twice

    def __init__(
        self, behavry: "Behavry", requester_id: str | None = None, requester_channel: str | None = None
    ) -> None:
        self._behavry = behavry
        self._requester_id = behavry.requester_id if requester_id is None else requester_id
        self._requester_channel = behavry.requester_channel if requester_channel is None else requester_channel

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        guard(self._behavry, str(request.url))
        request.read()
        token = self._behavry.token()
        response = yield self._signed(request, token)
        if response.status_code == 401:
            yield self._signed(request, self._behavry.replace(token))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        guard(self._behavry, str(request.url))
        await request.aread()
        token = await self._behavry.atoken()
        response = yield self._signed(request, token)
        if response.status_code == 401:
            yield self._signed(request, await self._behavry.areplace(token))

    def _signed(self, request: httpx.Request, token: str) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        if self._requester_id:
            request.headers[REQUESTER] = self._requester_id
        if self._requester_channel:
            request.headers[CHANNEL] = self._requester_channel
        if self._behavry.system_prompt_hash:
            request.headers[PROMPT] = self._behavry.system_prompt_hash
        return request


def guard(behavry: "Behavry", url: str) -> None:
    """Raises ConfigurationError unless the URL is on the gateway's own scheme, host and port."""
    target, home = httpx.URL(url), behavry.base_url
    if (target.scheme, target.host, target.port) != (home.scheme, home.host, home.port):
        raise ConfigurationError(f"The token is for {home.host}, not for {target.host}")
