"""A resource is this tenant's or nothing."""

import pytest

from apps.agents.addresses import audience_of_resource, audiences

HOSTS = ("acme.test", "acme.example.test")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("https://acme.test", "https://acme.test"),
        ("https://ACME.test/", "https://acme.test"),
        ("http://acme.test:8000/mcp/v1", "https://acme.test"),
        ("https://acme.example.test/mcp/v1/files", "https://acme.example.test/mcp/v1/files"),
        ("https://acme.test/mcp/v1/my-files_2/", "https://acme.test/mcp/v1/my-files_2"),
        ("https://globex.test", None),
        ("https://acme.test.evil.test", None),
        ("https://user@acme.test", None),
        ("https://acme.test#x", None),
        ("https://acme.test?x=1", None),
        ("https://acme.test/api", None),
        ("https://acme.test/mcp/v1/../x", None),
        ("https://acme.test/mcp/v1/a/b", None),
        ("https://acme.test:99999/", None),
        ("ftp://acme.test", None),
        ("//acme.test", None),
        ("https://[", None),
        ("acme.test", None),
    ],
)
def test_it_knows_the_tenants_own_resources(resource: str, expected: str | None) -> None:
    assert audience_of_resource(resource, hosts=HOSTS, scheme="https") == expected


def test_it_lists_the_audiences_of_a_server() -> None:
    assert audiences(HOSTS[:1], scheme="https", server="files") == (
        "https://acme.test",
        "https://acme.test/mcp/v1/files",
    )
