"""Pins in the admin: what servers list, how it changed, and the page on which a person approves or rejects it.

Nobody decides about what they do not see: the page carries the digest of what it shows, and the service compares it.
"""

import difflib
import json
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Case, F, Model, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.agents import services
from apps.agents.models import PinKind, ServerPin
from apps.decision.errors import AppError
from apps.decision.types import JSON, PinStatus
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin

BUTTONS: Final = (("approve", "Approve…"), ("reject", "Reject…"))
MAX_LINES: Final = 3000  # of a definition that is compared line by line
MAX_SHOWN: Final = 100
SHOWN: Final = (
    "server", "kind", "name", "status", "severity", "differences", "orders", "diff", "digest", "candidate_digest",
    "accepted", "first_seen_at", "changed_at", "missing_since", "reviewed_by", "reviewed_at", "note",
)  # fmt: skip
_MARKS: Final = {"+": "<ins>{}</ins>", "-": "<del>{}</del>", "@": '<span class="place">{}</span>'}


class PinAdmin(ReadOnlyAdmin):
    menu_name = "Tools, prompts and instructions"
    list_display = ("what", "server", "status", "severity", "changed_at")
    list_filter = (
        "status", "kind", "severity", ("server", admin.RelatedOnlyFieldListFilter), "changed_at",
        ("missing_since", admin.EmptyFieldListFilter),
    )  # fmt: skip
    list_select_related = ("server",)
    search_fields = ("name", "server__name")
    ordering = (  # what waits for a decision comes first
        Case(When(status=PinStatus.QUARANTINED, then=0), default=1), F("changed_at").desc(nulls_last=True),
        "-first_seen_at", "server__name", "kind", "name",
    )  # fmt: skip
    actions = ("approve", "reject")
    fields = readonly_fields = SHOWN
    change_form_template = "admin/agents/serverpin/change_form.html"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.POLICY_AUTHOR)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServerPin]:
        rows: QuerySet[ServerPin] = super().get_queryset(request)
        match = request.resolver_match
        listing = match is not None and match.url_name == "agents_serverpin_changelist" and request.method == "GET"
        return rows.defer("definition", "candidate", "baseline", "refused", "changes", "findings") if listing else rows

    @admin.display(description="name", ordering="name")
    def what(self, pin: ServerPin) -> str:
        return pin.name if pin.kind == PinKind.TOOL else f"{pin.name} ({pin.kind})".strip()

    @admin.display(description="what changed")
    def differences(self, pin: ServerPin) -> SafeString:
        return differences_of(pin)

    @admin.display(description="orders in its text")
    def orders(self, pin: ServerPin) -> SafeString:
        lines = [
            (one["severity"], one["rule"], one["path"], visible(one.get("excerpt", "")))
            for one in pin.findings[:MAX_SHOWN]
        ]
        found = format_html_join("", "<div><b>{}</b> {} at <code>{}</code> {}</div>", lines)
        return found or format_html("{}", "none found")

    @admin.display(description="definition")
    def diff(self, pin: ServerPin) -> SafeString:
        return diff_of(pin)

    @admin.action(description="Approve…", permissions=["decide"])
    def approve(self, request: HttpRequest, rows: QuerySet[ServerPin]) -> HttpResponse | None:
        question = "What is shown here may be used from now on. Anything else that the server says waits again."
        return self._ask(request, rows, services.approve_pins, "Approve", question)

    @admin.action(description="Reject…", permissions=["decide"])
    def reject(self, request: HttpRequest, rows: QuerySet[ServerPin]) -> HttpResponse | None:
        question = "It is hidden from all agents, under this name and others, until somebody approves it."
        return self._ask(request, rows, services.reject_pins, "Reject", question)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        pin: Model | None = kwargs.get("obj")
        offered = isinstance(pin, ServerPin) and self.has_decide_permission(request)
        skipped = "reject" if isinstance(pin, ServerPin) and pin.status == PinStatus.REJECTED else ""
        if isinstance(pin, ServerPin) and pin.status == PinStatus.APPROVED:
            skipped = "approve"
        context["decisions"] = [one for one in BUTTONS if offered and one[0] != skipped]
        context["list_address"] = reverse("tenant:agents_serverpin_changelist")
        return super().render_change_form(request, context, *args, **kwargs)

    def _ask(
        self, request: HttpRequest, rows: QuerySet[ServerPin], act: Callable[..., Any], title: str, question: str
    ) -> HttpResponse | None:
        pins = list(rows.select_related("server"))
        note = request.POST.get("note", "")
        if request.POST.get("confirmed"):
            for server_id in sorted({pin.server_id for pin in pins}):
                seen = {pin.pk: request.POST.get(f"seen_{pin.pk}", "") for pin in pins if pin.server_id == server_id}
                self._act(request, act, server_id, seen, note)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "question": question,
            "note": note,
            "shown": [
                (pin, seen_of(pin), differences_of(pin), diff_of(pin, short=len(pins) > 3)) for pin in pins[:MAX_SHOWN]
            ],
            "more": max(0, len(pins) - MAX_SHOWN),
            "action": title.lower(),
            "back": request.path,
        }
        return TemplateResponse(request, "admin/agents/serverpin/ask.html", context)

    def _act(
        self, request: HttpRequest, act: Callable[..., Any], server_id: UUID, seen: dict[UUID, str], note: str
    ) -> None:
        """All that was selected of one server, or none of it."""
        try:
            done = act(server_id, seen, actor=f"user:{request.user.get_username()}", note=note)
        except AppError as error:
            self.message_user(request, " ".join([error.detail, *error.fields.values()]), messages.ERROR)
        else:
            self.message_user(request, f"{', '.join(map(str, done[:5]))}: {done[0].status}", messages.SUCCESS)


def seen_of(pin: ServerPin) -> str:
    return pin.said


def differences_of(pin: ServerPin) -> SafeString:
    lines = [
        (one["severity"], one["meaning"], visible(one["path"]), _said(one["before"], one["after"]))
        for one in pin.changes[:MAX_SHOWN]
    ]
    if not lines:
        return format_html("{}", "nothing" if pin.digest else "seen for the first time")
    pattern = "<tr><td>{}</td><td>{}<br><code>{}</code>{}</td></tr>"
    return format_html(
        '<table class="changes"><tr><th>weight</th><th>what and where</th></tr>{}</table>',
        format_html_join("", pattern, lines),
    )


def _said(before: str, after: str) -> SafeString:
    lines = [
        (format_html(_MARKS[sign], f"{sign} {visible(text)}"),) for sign, text in (("-", before), ("+", after)) if text
    ]
    return format_html('<pre class="diff">{}</pre>', format_html_join("", "{}", lines)) if lines else SafeString("")


def visible(text: str) -> str:
    """Characters that nobody sees are written out, so that nobody approves them unseen."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def diff_of(pin: ServerPin, *, short: bool = False) -> SafeString:
    """What is approved against what the server says now, line by line; what comes and goes is told by its sign too."""
    before, after = _lines(pin.definition or None), _lines(pin.candidate)
    if short or not before or not after or before == after or max(len(before), len(after)) > MAX_LINES:
        lines = after or before
        text = "\n".join(lines[:MAX_LINES] if not short else lines[:40])
        return format_html('<pre class="diff"><span>{}</span></pre>', text)
    found = difflib.unified_diff(before, after, "approved", "now", n=3, lineterm="")
    body = ((format_html(_MARKS.get(line[:1], "<span>{}</span>"), line or " "),) for line in list(found)[2:])
    head = format_html_join("", '<span class="head">{}</span>', (("--- approved",), ("+++ what the server says now",)))
    return format_html('<pre class="diff">{}{}</pre>', head, format_html_join("", "{}", body))


def _lines(form: JSON) -> list[str]:
    text = json.dumps(form, indent=2, sort_keys=True, ensure_ascii=False) if form else ""
    return [visible(line) for line in text.split("\n")] if text else []
