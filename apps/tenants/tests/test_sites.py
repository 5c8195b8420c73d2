"""The admin sites against what a hand-made address or form may hold."""

from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

PAGES = "/admin/exceptions/escalation/"


@pytest.mark.parametrize("query", ["status__exact=%00", "mcp_server=%00", "agent_id__exact=%00"])
def test_a_filter_that_is_no_value_shows_the_whole_list(
    acme: str, admin_of: Callable[[str], Client], query: str
) -> None:
    client = admin_of(acme)
    with transaction.atomic():
        assert client.get(f"{PAGES}?{query}").status_code in {200, 302}


@pytest.mark.parametrize("selected", ["x", "\0", "1"])
def test_a_selection_that_names_no_row_shows_the_whole_list(
    acme: str, admin_of: Callable[[str], Client], selected: str
) -> None:
    form = {"action": "deny", "_selected_action": [selected]}
    assert admin_of(acme).post(PAGES, form).status_code == 302
