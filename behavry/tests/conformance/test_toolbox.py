"""The pins of the Node tools, and what is checked with Node where it is present."""

import json
import subprocess
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from behavry.conformance.serving import NotStartedError, free_port, listening
from behavry.conformance.suite import PRELOAD, SUITES
from behavry.conformance.toolbox import HERE, PINS, Toolbox, ToolboxError, find
from behavry.demo.clients import Era

INSTALLED = Path("var/conformance")


@pytest.fixture
def toolbox() -> Toolbox:
    try:
        return find(INSTALLED)
    except ToolboxError as missing:
        pytest.skip(str(missing))


def test_it_names_every_version_exactly() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert all(not set("^~*<>x ") & set(version.rpartition("@")[2]) for version in wanted.values())
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert all(f"node_modules/{name}" in locked for name in wanted)
    assert {suite.package for suite in SUITES} <= set(wanted)


def test_its_lock_holds_hashes_and_no_addresses_to_fetch_from() -> None:
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert all(entry["integrity"].startswith("sha512-") for name, entry in locked.items() if name)
    assert not any("resolved" in entry for entry in locked.values())


def test_it_wants_an_installation_of_exactly_these_pins(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError, match="--install"):
        find(tmp_path)
    (tmp_path / ".installed").touch()
    for name in PINS:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ToolboxError, match="--install"):
        find(tmp_path)


async def test_it_says_when_a_server_under_test_does_not_start() -> None:
    with pytest.raises(NotStartedError, match="status 3"):
        async with listening(("python3", "-c", "raise SystemExit(3)"), free_port()):
            pass


@pytest.mark.processes
def test_its_preload_adds_the_token_for_the_one_origin_only(toolbox: Toolbox) -> None:
    """All of the suite's ways out are tried: the built-in fetch, the undici package and node:http."""
    script = """
      import http from "node:http";
      import { createRequire } from "node:module";
      const { request } = createRequire(process.env.MODULES + "/")("undici");
      const seen = [];
      const open = () => new Promise((done) => {
        const server = http.createServer((asked, answer) => {
          seen.push(asked.headers.authorization ?? "none");
          answer.end("{}");
        });
        server.listen(0, "127.0.0.1", () => done(server));
      });
      const [target, other] = [await open(), await open()];
      const url = (server) => `http://127.0.0.1:${server.address().port}`;
      process.env.CONFORMANCE_ORIGIN = url(target);
      process.env.CONFORMANCE_TOKEN = "a.b.c";
      await import(process.env.PRELOAD);
      await (await fetch(url(target) + "/mcp", { method: "POST", body: "{}" })).text();
      await (await request(url(target), { method: "POST", headers: { Host: "evil.example.com" } })).body.text();
      const { port } = target.address();
      const options = { hostname: "127.0.0.1", port, method: "POST", headers: { "Mcp-Name": "a" } };
      await new Promise((done) => http.request(options, (answer) => answer.resume().on("end", done)).end());
      await (await fetch(url(other))).text();
      await new Promise((done) => http.request(url(other), (answer) => answer.resume().on("end", done)).end());
      console.log(JSON.stringify(seen));
      process.exit(0);
    """
    environment = {"MODULES": str(toolbox.modules.resolve()), "PRELOAD": PRELOAD.as_uri()}
    command = [str(toolbox.node), "--input-type=module", "-e", script]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(shown.stdout) == ["Bearer a.b.c"] * 3 + ["none"] * 2


@pytest.mark.processes
async def test_the_public_example_server_runs_over_stdio(toolbox: Toolbox) -> None:
    command, *arguments = toolbox.everything_server
    async with Client(StdioServerParameters(command=command, args=arguments), mode=Era.AUTO.value) as client:
        assert client.protocol_version == "2025-11-25"
        assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
