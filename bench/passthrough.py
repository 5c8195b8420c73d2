"""The yardstick: a reverse proxy of aiohttp that reads the body, posts it on, and answers what came back. Nothing else.

`python -m bench.passthrough --port N --upstream URL`.
"""

import argparse
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web


def build(upstream: str) -> web.Application:
    async def session_of(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            app["session"] = session
            yield

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {"Content-Type": "application/json", "Accept": request.headers.get("Accept", "*/*")}
        async with request.app["session"].post(upstream, data=body, headers=headers) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    app = web.Application()
    app.cleanup_ctx.append(session_of)
    app.router.add_post("/{path:.*}", forward)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.passthrough", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    uvloop.install()
    web.run_app(build(options.upstream), host="127.0.0.1", port=options.port, print=None, access_log=None)
