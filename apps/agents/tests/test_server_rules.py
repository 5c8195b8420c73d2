"""Which servers may be registered: each rule with what it lets through and what it stops."""

import pytest

from apps.agents import server_rules as rules


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/mcp",
        "https://mcp.example.test/v1?tenant=1",
        "http://[::1]:9000/",
        "http://10.0.0.5/mcp",
        "https://bücher.example.test/mcp",
    ],
)
def test_it_lets_ordinary_addresses_through(url: str) -> None:
    assert rules.check_url(url) == {}


@pytest.mark.parametrize(
    "url",
    [
        "", "mcp.example.test", "file:///etc/passwd", "gopher://x.test", "javascript:alert(1)", "http://", "https:///x",
        "http://user:word@x.test/", "http://user@x.test/", "http://x.test/#part", "http://x.test:99999/",
        "http://x.test:0/", "http://x.test/a b", "http://x.test/\r\nHost: y", "http://x.test\\@y.test/", "http://[::1",
        "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/",
        "http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/", "http://0.0.0.0/", "http://[::]/",
        "http://224.0.0.1/", "http://metadata.google.internal/", "http://metadata.google.internal./",
        "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/", "http://[::169.254.169.254]/",
        "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://x.test/" + "a" * 2000,
    ],
)  # fmt: skip
def test_it_stops_addresses_that_lead_nowhere_good(url: str) -> None:
    assert "url" in rules.check_url(url)


@pytest.mark.parametrize("host", ["[::1]", "[fd00::1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "100.100.100.201"])
def test_it_lets_private_addresses_be(host: str) -> None:
    assert rules.check_url(f"http://{host}:8000/mcp") == {}


def test_it_ties_the_parts_to_the_transport() -> None:
    assert rules.check(transport="http", url="http://x.test/", command=[], headers=["X-Key"]) == {}
    assert rules.check(transport="stdio", url="", command=["mcp-files", "--root", "/srv"], headers=[]) == {}
    assert set(rules.check(transport="http", url="", command=["x"], headers=[])) == {"url", "command"}
    assert set(rules.check(transport="stdio", url="http://x.test", command=[], headers=["A"])) == {
        "url",
        "command",
        "headers",
    }
    assert set(rules.check(transport="sse", url="", command=[], headers=[])) == {"transport"}


@pytest.mark.parametrize("command", [[], [""], [" "], ["x", "a\x00b"], ["x"] * 101, ["x", "y" * 9000]])
def test_it_stops_a_command_that_cannot_run(command: list[str]) -> None:
    assert "command" in rules.check_command(command)


@pytest.mark.parametrize("name", ["", "Bad Name", "X:Y", "Host", "content-length", "Mcp-Session-Id", "a" * 201])
def test_it_stops_headers_that_are_not_the_admins_to_set(name: str) -> None:
    assert "headers" in rules.check_headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\x00", "é", "x" * 9000])
def test_it_stops_header_values_that_would_break_out(value: str) -> None:
    assert "headers" in rules.check_headers({"X-Key": value})
    assert rules.check_headers({"X-Key": "fine", "Authorization": "Bearer x"}) == {}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B"])
def test_it_stops_variables_that_are_none(name: str) -> None:
    assert "environment" in rules.check_environment({name: "x"})
    assert "environment" in rules.check_environment({"A": "\x00"})
    assert rules.check_environment({"_A1": "x\ny"}) == {}


def test_it_knows_the_verbs_of_tools() -> None:
    assert rules.check_tool_actions({"read_file": "read", "run": "execute"}) == {}
    assert "tool_actions" in rules.check_tool_actions({"read_file": "admire"})
    for name in ("", "\x00", "\ud800", "a" * 201):
        assert "tool_actions" in rules.check_tool_actions({name: "read"})
