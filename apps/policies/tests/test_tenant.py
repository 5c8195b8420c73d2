"""A tenant's limits: what may be set, and that the log records it."""

import pytest

from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.policies import services
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant

BY = "user:ada"


def test_it_changes_the_tenant_it_stands_in_and_no_other(acme: str, globex: str) -> None:
    other = tenants.config_of(globex).max_rpm_per_agent
    with in_tenant(acme):
        services.configure(actor=BY, changes={"max_rpm_per_agent": other + 5, "payload_mode": "full"})
    assert tenants.config_of(acme).max_rpm_per_agent == other + 5
    assert tenants.config_of(globex).max_rpm_per_agent == other


def test_it_records_a_change_and_nothing_that_changed_nothing(acme: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        services.configure(actor=BY, changes={"payload_mode": tenants.config_of(acme).payload_mode})
        assert audit.head(acme) == before
        services.configure(actor=BY, changes={"payload_mode": "full"})
        after = audit.head(acme)
    assert after.rulebook_version == after.seq == before.seq + 1


@pytest.mark.parametrize(
    "changes",
    [{"payload_mode": "everything"}, {"max_agents": 0}, {"audit_retention_days": 1}, {"tenant": "t_globex"}, {"id": 1}],
)
def test_it_refuses_what_is_no_configuration(acme: str, changes: dict[str, object]) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        with pytest.raises(BadInput) as caught:
            services.configure(actor=BY, changes=changes)
        assert set(caught.value.fields) == set(changes)
        assert audit.head(acme) == before
