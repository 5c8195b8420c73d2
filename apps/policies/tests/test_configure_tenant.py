"""The operator's command for a tenant's configuration."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEntry
from apps.tenants.context import in_tenant
from apps.tenants.services import config_of


def test_it_changes_what_is_named_and_the_log_says_so(acme: str, globex: str) -> None:
    out = StringIO()
    call_command("configure_tenant", "acme", "payload_mode=redacted", "max_agents=7", stdout=out)
    assert "max_agents = 7" in out.getvalue()
    assert config_of(acme).payload_mode == "redacted"
    assert config_of(globex).max_agents != 7
    with in_tenant(acme):
        entry = AuditEntry.objects.order_by("-seq")[0]
    assert (entry.kind, entry.actor) == ("tenant.configured", "operator")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody"], "no tenant"),
        (["acme", "max_agents"], "name=value"),
        (["acme", "max_agents=many"], "whole number"),
        (["acme", "max_agents=0"], "max_agents"),
        (["acme", "payload_mode=everything"], "payload_mode"),
        (["acme", "schema_name=t_globex"], "cannot be changed"),
    ],
)
def test_it_says_what_is_wrong(acme: str, arguments: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("configure_tenant", *arguments)
