"""How background work names its tenant: `schema` is every task's first argument, and the body runs inside it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from celery import shared_task

from apps.tenants import services
from apps.tenants.context import in_tenant

EXPIRES_SECONDS = 3600  # what a stopped worker missed is done by the next turn, not many times over

P = ParamSpec("P")
R = TypeVar("R")


def tenant_task(**options: Any) -> Callable[[Callable[Concatenate[str, P], R]], Any]:
    """Make a Celery task of a function whose first argument is the schema. Options are Celery's."""

    def decorate(body: Callable[Concatenate[str, P], R]) -> Any:
        @wraps(body)
        def run(schema: str, *args: P.args, **kwargs: P.kwargs) -> R:
            with in_tenant(schema):
                return body(schema, *args, **kwargs)

        # An option, so that it is on the task of whichever Celery application comes to own it.
        return shared_task(takes_schema=True, **options)(run)

    return decorate


@shared_task(name="tenants.for_each_tenant", time_limit=60)  # type: ignore[untyped-decorator]  # Celery has no types
def for_each_tenant(task_name: str) -> int:
    """Send one task of this name per active tenant; beat's only way to reach tenants. Returns how many were sent."""
    schemas = services.active_schemas()
    for schema in schemas:
        for_each_tenant.app.send_task(task_name, args=[schema], expires=EXPIRES_SECONDS)
    return len(schemas)
