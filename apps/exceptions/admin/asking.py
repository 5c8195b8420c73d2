"""A page between a button and what it does: it asks why, and shows what the service refuses with what was typed."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html

from apps.decision.errors import AppError, BadInput


def ask(
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any, str, str], object],
    *,
    title: str,
    question: str,
    label: str = "Note",
    facts: Callable[[Any], Sequence[tuple[str, object]]] = lambda row: (),
    choices: Sequence[tuple[str, str]] = (),
    told: Callable[[Any], str] = lambda row: "done",
) -> HttpResponse | None:
    """`act(row, actor, note)` runs for each row once the page was sent. Rows that want another note are asked again;
    of the others `told(row)` says what became of them.

    `facts(row)` is what the page shows of each, so that nobody decides by a title. One of the `choices`, pairs of
    value and words, is sent as `choice`.
    """
    note, left = request.POST.get("note", ""), list(rows)
    errors: list[str] = []
    if request.POST.get("confirmed"):
        left, errors = _act(page, request, left, act, note, told)
        if not left:
            return None
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": title,
        "question": question,
        "label": label,
        "note": note,
        "errors": errors,
        "choices": choices,
        "choice": request.POST.get("choice", ""),
        "rows": left,
        "shown": [(row, facts(row)) for row in left],
        "action": request.POST.get("action", ""),
        "back": request.path,
    }
    return TemplateResponse(request, "admin/exceptions/ask.html", context)


def for_each(
    page: admin.ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any, str], str]
) -> None:
    """`act(row, actor)` for each row; what it returns, or why it refuses, is shown."""
    for row in rows:
        try:
            page.message_user(request, f"{row}: {act(row, actor(request))}", messages.SUCCESS)
        except AppError as error:
            page.message_user(request, f"{row}: {_said(error)}", messages.ERROR)


def actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"


def _act(
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: list[Model],
    act: Callable[[Any, str, str], object],
    note: str,
    told: Callable[[Any], str],
) -> tuple[list[Model], list[str]]:
    left: list[Model] = []
    errors: list[str] = []
    for row in rows:
        try:
            act(row, actor(request), note)
            page.message_user(request, format_html("{}: {}", row, told(row)), messages.SUCCESS)
        except BadInput as error:
            left.append(row)
            errors.append(f"{row}: {_said(error)}")
        except AppError as error:
            page.message_user(request, f"{row}: {_said(error)}", messages.ERROR)
    return left, errors


def _said(error: AppError) -> str:
    return " ".join([error.detail, *error.fields.values()])
