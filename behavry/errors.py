"""Every error outside MCP leaves as one shape: an RFC 9457 problem document.

`{"type": "urn:behavry:error:<code>", "title", "status", "detail", "fields"?: {field: message}}`
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from psycopg.errors import UniqueViolation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.decision.errors import AppError

CONTENT_TYPE = "application/problem+json"


def document(status: int, code: str, detail: str, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:behavry:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if fields:
        body["fields"] = dict(fields)
    return body


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. Returns None for what is not ours, which Django then reports as a 500."""
    known = _as_app_error(error)
    if known is None:
        return None
    set_rollback()
    headers = {"Retry-After": str(known.retry_after)} if known.retry_after is not None else {}
    if known.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = document(known.status, known.code, known.detail, known.fields)
    return Response(body, status=known.status, headers=headers, content_type=CONTENT_TYPE)


def _as_app_error(error: Exception) -> AppError | None:
    match error:
        case AppError():
            return error
        case exceptions.ValidationError():
            fields = dict(_flatten(error.detail))
            return _app_error(400, "bad_input", "The request has invalid fields.", fields)
        case exceptions.APIException():
            wait = getattr(error, "wait", None)
            known = _app_error(error.status_code, error.default_code, str(error.detail))
            known.retry_after = int(wait) + 1 if wait else None
            return known
        case ValidationError():
            return _app_error(400, "bad_input", "; ".join(error.messages))
        case Http404():
            return _app_error(404, "not_found", "There is nothing here under this address.")
        case IntegrityError(__cause__=UniqueViolation()):
            return _app_error(409, "conflict", "Somebody else has just made one of this name.")
        case OperationalError() | InterfaceError():
            return _app_error(503, "database_unavailable", "The database does not answer; try again shortly.")
        case PermissionDenied():
            return _app_error(403, "not_allowed", str(error) or "You may not do this.")
        case _:
            return None


def _app_error(status: int, code: str, detail: str, fields: Mapping[str, str] | None = None) -> AppError:
    error = AppError(detail, code=code, fields=fields)
    error.status = status
    return error


def _flatten(detail: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(detail, Mapping):
        return [
            pair for key, value in detail.items() for pair in _flatten(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(detail, list):
        if all(isinstance(item, str) for item in detail):
            return [(path or "non_field_errors", " ".join(str(item) for item in detail))]
        return [pair for i, value in enumerate(detail) for pair in _flatten(value, f"{path}[{i}]")]
    return [(path or "non_field_errors", str(detail))]


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404."""
    body = document(404, "not_found", "There is nothing here under this address.")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500."""
    body = document(500, "internal_error", "Something went wrong on our side; it has been logged.")
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400, for what it refuses before a view is asked: a host, too many fields, a broken upload."""
    body = document(400, "bad_input", "The request cannot be read.")
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)


def forbidden(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler403."""
    body = document(403, "not_allowed", "You may not do this.")
    return JsonResponse(body, status=403, content_type=CONTENT_TYPE)
