"""Sends parcels to notification hooks: signed, once, to no address that only ever means trouble, and in bounded time.

No redirect is followed and no answer is read beyond its status. The name is looked up here and the connection made to
what was found and checked, so that a name cannot mean one address when checked and another when used.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from urllib.parse import SplitResult, urlsplit

import httpx

from apps.agents import server_rules
from apps.exceptions.services.deliveries import Outcome, Parcel

SECONDS = 5.0
SIGNATURE = "X-Behavry-Signature"


def send(parcels: Sequence[Parcel]) -> list[Outcome]:
    """All at once; each has its own few seconds. Raises nothing: what goes wrong is an outcome."""

    async def all_of_them() -> list[Outcome]:
        return list(await asyncio.gather(*(_send(parcel) for parcel in parcels)))

    return asyncio.run(all_of_them()) if parcels else []


def signature(secret: bytes, body: bytes, at: int) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over the seconds, a full stop and the body."""
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


async def _send(parcel: Parcel) -> Outcome:
    try:
        async with asyncio.timeout(SECONDS):
            return Outcome(parcel.id, *await _post(parcel))
    except TimeoutError:
        return Outcome(parcel.id, None, "timeout")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Outcome(parcel.id, None, _word(error))


async def _post(parcel: Parcel) -> tuple[int | None, str]:
    parts = urlsplit(parcel.url)
    addresses = await _addresses(parts)
    if not addresses:
        return None, "address_not_allowed"
    failure: httpx.ConnectError | None = None
    for address in addresses:
        try:
            code = await _post_to(address, parts, parcel)
        except httpx.ConnectError as error:
            failure = error
            continue
        return code, "" if 200 <= code < 300 else f"http_{code}"
    assert failure is not None
    raise failure


async def _post_to(address: str, parts: SplitResult, parcel: Parcel) -> int:
    host = f"[{address}]" if ":" in address else address
    place = parts._replace(netloc=f"{host}:{_port(parts)}", fragment="")
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "behavry-hooks",
        "X-Behavry-Delivery": str(parcel.id),
        "X-Behavry-Kind": parcel.kind,
        SIGNATURE: signature(parcel.secret, parcel.body, int(time.time())),
    }
    async with (
        httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False, verify=_tls()) as client,
        client.stream(
            "POST",
            place.geturl(),
            content=parcel.body,
            headers=headers,
            extensions={"sni_hostname": parts.hostname or ""},
        ) as response,
    ):
        return response.status_code


async def _addresses(parts: SplitResult) -> list[str]:
    """Where the name leads; nothing when any of it leads nowhere good."""
    look = partial(socket.getaddrinfo, parts.hostname or "", _port(parts), proto=socket.IPPROTO_TCP)
    found = await asyncio.get_running_loop().run_in_executor(_lookups(), look)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if any(server_rules.check_url(f"http://[{one}]/" if ":" in one else f"http://{one}/") for one in addresses):
        return []
    return addresses[:4]


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


@cache
def _lookups() -> ThreadPoolExecutor:
    """Threads of our own: `asyncio.run` waits for those of its loop, however long a name server takes."""
    return ThreadPoolExecutor(32, thread_name_prefix="hook-names")


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes longer than sending."""
    return httpx.create_ssl_context(trust_env=False)


def _word(error: Exception) -> str:
    """A fixed word, since messages of errors may repeat the address."""
    match error:
        case socket.gaierror():
            return "name_not_found"
        case httpx.ConnectError():
            return "no_connection"
        case httpx.TimeoutException():
            return "timeout"
        case httpx.ProtocolError():
            return "no_http"
        case _:
            return "not_sent"
