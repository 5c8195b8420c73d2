"""Finds the tenant of a request's host and stands in its schema for the request; an unknown host is 404.

Works for Django's sync and async handlers: the schema belongs to the thread that runs the request, and asgiref keeps
a request on one thread. What leaves that thread names its schema itself.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from apps.tenants import services
from apps.tenants.context import OPERATOR_SCHEMA, here

OPEN_PATHS = ("/health", "/health/ready", "/metrics")


class TenantMiddleware(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        here.set_schema_to_public()
        if request.path in OPEN_PATHS:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
            return None
        try:
            host = request.get_host().rsplit(":", 1)[0].lower()
        except DisallowedHost:
            return _no_tenant()
        try:
            place = services.place_of_host(host)
        except OperationalError:  # away, or without a place for another connection
            return _no_database()
        if place is None:
            return _no_tenant()
        here.set_schema(place.schema)
        request.tenant_schema = place.schema  # type: ignore[attr-defined]  # read by views that go async
        if place.schema == OPERATOR_SCHEMA:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        return None

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        here.set_schema_to_public()
        return response


def _no_database() -> JsonResponse:
    body = {
        "type": "urn:behavry:error:database_unavailable",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The database is not available. Try again in a moment.",
    }
    return JsonResponse(body, status=503, content_type="application/problem+json", headers={"Retry-After": "1"})


def _no_tenant() -> JsonResponse:
    body = {
        "type": "urn:behavry:error:unknown_host",
        "title": "Not Found",
        "status": 404,
        "detail": "No tenant answers on this host. Ask the operator which host name is yours.",
    }
    return JsonResponse(body, status=404, content_type="application/problem+json")
