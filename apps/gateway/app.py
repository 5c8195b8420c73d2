"""Placeholder until the gateway lands."""

from typing import Any


class Gateway:
    def owns(self, scope: Any) -> bool:
        return str(scope.get("path", "")).startswith("/mcp/v1/")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError
