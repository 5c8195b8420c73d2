"""An OPA sidecar in place of the built-in evaluator. It is asked over REST, and whatever goes wrong is a denial.

Every rulebook is pushed under a package root of its own, `t_<tenant>.r_<digest>`, so tenants share one OPA without
seeing each other and an older rulebook is never asked under a newer one's name. An OPA that lost its policies (a
restart) answers nothing; it is given them again and asked once more.
"""

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import httpx
from django.conf import settings

from apps.decision.types import JSON, Ruling
from apps.policies import base, source
from apps.policies.assembly import Source, assemble, digest
from apps.policies.authorizer import FAILED, ruling_of

logger = logging.getLogger(__name__)

RETRY_AFTER: Final = 0.1
_ROOT: Final = "behavry"
_MAIN: Final = "behavry/main.rego"
_LAST: Final = ("behavry/contributions.rego", _MAIN)


class OpaAuthorizer:
    """One rulebook's policies in OPA. Calling it blocks; async code awaits `ask`."""

    __slots__ = ("_client", "_modules", "_prefix", "_timeout")

    def __init__(self, client: httpx.Client, schema: str, modules: Mapping[str, str], timeout: float) -> None:
        self._client = client
        self._prefix = (schema, f"r_{digest(modules)[:16]}")
        self._modules = modules
        self._timeout = timeout

    def __call__(self, document: JSON) -> Ruling:
        try:
            answer = self._decision(document)
            if answer is None:
                self.push()
                answer = self._decision(document)
            return ruling_of(answer)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            logger.warning("OPA gave no decision: %s", type(error).__name__)
        return FAILED

    async def ask(self, document: JSON) -> Ruling:
        """The same, off the event loop, and never longer than both attempts may take."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(self, document), 2 * self._timeout + 1)
        except TimeoutError:
            logger.warning("OPA gave no decision in time")
            return FAILED

    def push(self) -> None:
        """Give OPA this rulebook and take away the tenant's older ones. Raises httpx.HTTPError.

        The module that decides comes last and goes first: a rulebook with a part missing must never answer.
        """
        root = "/".join(self._prefix)
        for name in sorted(self._modules, key=_turn):
            text = moved(self._modules[name], self._prefix)
            headers = {"Content-Type": "text/plain"}
            self._request("PUT", f"/v1/policies/{root}/{name}", content=text, headers=headers)
        listed = self._request("GET", "/v1/policies").json()
        names = [str(policy["id"]) for policy in listed["result"]]
        old = [name for name in names if name.startswith(f"{self._prefix[0]}/") and not name.startswith(f"{root}/")]
        for name in sorted(old, key=lambda one: _turn(one.split("/", 2)[2]), reverse=True):
            self._request("DELETE", f"/v1/policies/{name}")

    def _decision(self, document: JSON) -> JSON:
        path = "/".join((*self._prefix, *base.ENTRYPOINT.split(".")[1:]))
        return dict(self._request("POST", f"/v1/data/{path}", json={"input": document}).json()).get("result")

    def _request(self, method: str, path: str, **options: JSON) -> httpx.Response:
        """One retry for a connection that broke or an OPA that is overloaded; a policy it refuses is not sent twice."""
        for last in (False, True):
            try:
                response = self._client.request(method, path, **options)
                if response.status_code < 500 or last:
                    return response.raise_for_status()
            except httpx.TransportError:
                if last:
                    raise
            time.sleep(RETRY_AFTER)
        raise AssertionError("unreachable")


def authorizer(schema: str, policies: Sequence[Source]) -> OpaAuthorizer:
    """Of these policies, pushed already if OPA is there; if not, the first decision tries again."""
    timeout = float(settings.BEHAVRY_OPA_TIMEOUT_SECONDS)
    made = OpaAuthorizer(client_of(settings.BEHAVRY_OPA_URL, timeout), schema, assemble(policies), timeout)
    try:
        made.push()
    except httpx.HTTPError as error:
        logger.warning("policies not pushed to OPA: %s", type(error).__name__)
    return made


def moved(text: str, prefix: Sequence[str]) -> str:
    """The module under another root: its own package and every path to `data.behavry` begin with the prefix."""
    tokens = source.tokens(text)
    inserts = [tokens[1]] if tokens and tokens[0].text == "package" else []
    for place, token in enumerate(tokens[:-2]):
        following = tokens[place + 1].text, tokens[place + 2].text
        before = tokens[place - 1].text if place else ""
        if token.text == "data" and token.kind == "name" and before != "." and following == (".", _ROOT):
            inserts.append(tokens[place + 2])
    lines = text.split("\n")
    for token in sorted(inserts, key=lambda one: (one.line, one.column), reverse=True):
        line = lines[token.line - 1]
        lines[token.line - 1] = f"{line[: token.column - 1]}{'.'.join(prefix)}.{line[token.column - 1 :]}"
    return "\n".join(lines)


def _turn(name: str) -> tuple[int, str]:
    """Modules go in after those they call: OPA refuses a call of a function that is not there yet."""
    if name in _LAST:
        return 2 + _LAST.index(name), name
    shared = name.startswith("behavry/") and not name.startswith("behavry/rules/")
    return (0 if shared else 1), name


@lru_cache(maxsize=4)
def client_of(url: str, timeout: float) -> httpx.Client:
    """One pool per process; it is safe to share between threads."""
    if not re.match(r"https?://", url):
        raise ValueError("BEHAVRY_OPA_URL must be an http or https address")
    return httpx.Client(base_url=url, timeout=timeout, follow_redirects=False, trust_env=False)
