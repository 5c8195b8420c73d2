"""Liveness and readiness. Readiness names each part that a decision needs and whether it answers."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from apps.tenants.redis import redis_client


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "service": "behavry", "version": settings.BUILD_SHA})


def ready(request: HttpRequest) -> JsonResponse:
    parts = {"database": _database(), "redis": _redis()}
    healthy = all(answer == "ok" for answer in parts.values())
    return JsonResponse({"status": "ok" if healthy else "unavailable", "parts": parts}, status=200 if healthy else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{settings.TENANT_BASE_SCHEMA}.django_migrations"])
            return "ok" if cursor.fetchone()[0] else "not migrated: run migrate_all"
    except DatabaseError:
        return "does not answer"


def _redis() -> str:
    try:
        redis_client().ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"
