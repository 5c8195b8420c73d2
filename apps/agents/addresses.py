"""Which audience a token is for. A tenant's resources are named by host: `https://host` and `https://host/mcp/v1/<server>`.

The port is left out, because a tenant is found by host alone and the port is a matter of deployment.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_SERVER_PATH = re.compile(r"/mcp/v1/([a-z0-9]+(?:[-_][a-z0-9]+)*)")


def audience(host: str, *, scheme: str, server: str = "") -> str:
    base = f"{scheme}://{host.lower()}"
    return f"{base}/mcp/v1/{server}" if server else base


def audience_of_resource(resource: str, *, hosts: Sequence[str], scheme: str) -> str | None:
    """The audience that an RFC 8707 `resource` stands for, or None when it is nothing of this tenant's."""
    try:
        parts = urlsplit(resource)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or host not in hosts or parts.fragment or parts.query or parts.username:
        return None
    path = parts.path.rstrip("/")
    if path in {"", "/mcp/v1"}:
        return audience(host, scheme=scheme)
    match = _SERVER_PATH.fullmatch(path)
    return audience(host, scheme=scheme, server=match[1]) if match else None


def audiences(hosts: Sequence[str], *, scheme: str, server: str = "") -> tuple[str, ...]:
    """All audiences a request to the tenant, or to one of its servers, may be made with."""
    whole = tuple(audience(host, scheme=scheme) for host in hosts)
    return whole + (tuple(audience(host, scheme=scheme, server=server) for host in hosts) if server else ())
