"""What stops agents now, for the first page of both admin sites."""

from django import template

from apps.exceptions.services.standing_words import fleet_words, tenant_words
from apps.tenants.context import is_operator

register = template.Library()


@register.simple_tag
def what_stops() -> tuple[str, ...]:
    return fleet_words() if is_operator() else tenant_words()
