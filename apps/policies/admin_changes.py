"""Change requests, replays and shadows in the tenant's admin. `admin.py` puts them on the site."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.decision.errors import AppError
from apps.policies import diffs, services
from apps.policies.comparing import SAMPLES_PER_GROUP
from apps.policies.models import Comparison, FlipGroup, PolicyChangeRequest
from apps.policies.permissions import NEEDS, Act, Person, person_of
from apps.policies.services import replays
from apps.policies.services.changes import diff_of, is_current
from apps.tenants.models import TenantConfig
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin, RefusalsInForm, RoleAdmin

SHOWN = 50


def ask_for_note(
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any, Person, str], object],
    *,
    title: str,
    question: str,
    required: bool = False,
    facts: Callable[[Any], Sequence[tuple[str, object]]] = lambda row: (),
) -> HttpResponse | None:
    """A page that asks before it acts; then each row goes through the service, and what it refuses is shown.

    `facts(row)` is what the page shows of each, so that nobody decides by a title.
    """
    note = request.POST.get("note", "").strip()
    missing = required and not note
    if not request.POST.get("confirmed") or missing:
        error = "A note is required." if missing and request.POST.get("confirmed") else ""
        context = {
            **page.admin_site.each_context(request), "opts": page.opts, "title": title, "question": question,
            "rows": rows, "action": request.POST["action"], "required": required, "error": error, "note": note,
            "back": request.path, "shown": [(row, facts(row)) for row in rows],
        }  # fmt: skip
        return TemplateResponse(request, "admin/policies/note.html", context)
    by = person_of(request)
    for row in rows:
        try:
            act(row, by, note)
            page.message_user(request, f"{row}: done", messages.SUCCESS)
        except AppError as error:
            page.message_user(request, f"{row}: {error.detail}", messages.ERROR)
    return None


class ChangeAdmin(ReadOnlyAdmin):
    """A request says what it would change; approving and rejecting ask for a note first."""

    list_display = ("slug", "action", "status", "author", "created_at", "reviewer", "decided_at")
    list_filter = ("status", "action")
    list_select_related = False
    search_fields = ("slug", "author", "reviewer", "note")
    actions = ("approve", "reject", "withdraw", "rebase", "replay")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("action", "slug", "status", "author", "created_at", "note")}),
        ("What it changes", {"fields": ("name", "description", "base", "changed_lines", "diff")}),
        ("Checks", {"fields": ("compiled", "own_tests", "replay_result")}),
        ("Decision", {"fields": ("reviewer", "review_note", "decided_at", "applied_version")}),
    )

    def has_review_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, NEEDS[Act.REVIEW])

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        shown = _buttons(row, person_of(request)) if row is not None and self.has_review_permission(request) else ()
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "decisions": shown})

    @admin.display(description="written over")
    def base(self, row: PolicyChangeRequest) -> str:
        return str(row.base_version) if row.base_version else "nothing in effect"

    @admin.display(description="lines")
    def changed_lines(self, row: PolicyChangeRequest) -> str:
        found = diff_of(row)
        return f"{found.added} added (+), {found.removed} removed (-)"

    def diff(self, row: PolicyChangeRequest) -> SafeString:
        return shown_diff(diff_of(row))

    def compiled(self, row: PolicyChangeRequest) -> str:
        if row.status != PolicyChangeRequest.Status.OPEN or is_current(row):
            return "It compiles with everything that was in effect."
        return "It compiled with what was in effect; that has changed since, and approval compiles it again."

    @admin.display(description="its own tests")
    def own_tests(self, row: PolicyChangeRequest) -> SafeString | str:
        if not row.test_results:
            return "It has none."
        lines = ((one["rule"], "passed" if one["passed"] else f"FAILED: {one['problem']}") for one in row.test_results)
        return format_html_join("", "<div><code>{}</code> {}</div>", lines)

    @admin.display(description="replay")
    def replay_result(self, row: PolicyChangeRequest) -> SafeString | str:
        newest = row.comparisons.order_by("-id").first()
        if newest is None:
            return "Not replayed yet."
        return format_html("<div>{}</div>{}", summary(newest), groups_of(newest))

    @admin.action(description="Approve and activate…", permissions=["review"])
    def approve(self, request: HttpRequest, rows: QuerySet[PolicyChangeRequest]) -> HttpResponse | None:
        return ask_for_note(
            self, request, rows, lambda row, by, note: services.approve(row.pk, by=by, note=note), title="Approve",
            question="These take effect with the next call:", facts=_facts,
        )  # fmt: skip

    @admin.action(description="Reject…", permissions=["review"])
    def reject(self, request: HttpRequest, rows: QuerySet[PolicyChangeRequest]) -> HttpResponse | None:
        return ask_for_note(
            self, request, rows, lambda row, by, note: services.reject(row.pk, by=by, note=note), title="Reject",
            question="Why are these rejected?", required=True, facts=_facts,
        )  # fmt: skip

    @admin.action(description="Withdraw", permissions=["review"])
    def withdraw(self, request: HttpRequest, rows: QuerySet[PolicyChangeRequest]) -> None:
        _each(self, request, rows, lambda row, by: services.withdraw(row.pk, by=by))

    @admin.action(description="Write anew over what is in effect now", permissions=["review"])
    def rebase(self, request: HttpRequest, rows: QuerySet[PolicyChangeRequest]) -> None:
        _each(self, request, rows, lambda row, by: services.rebase(row.pk, by=by))

    @admin.action(description="Replay over recorded calls", permissions=["review"])
    def replay(self, request: HttpRequest, rows: QuerySet[PolicyChangeRequest]) -> None:
        _each(self, request, rows, lambda row, by: replays.of_change(row.pk, by=by))


def _buttons(row: PolicyChangeRequest, by: Person) -> Sequence[tuple[str, str]]:
    """What fits whoever looks: nobody decides about a change of their own."""
    if row.status != PolicyChangeRequest.Status.OPEN:
        return ()
    if by.wrote(row.author, row.author_user):
        return (("withdraw", "Withdraw"), ("rebase", "Rebase"), ("replay", "Replay"))
    return (("approve", "Approve…"), ("reject", "Reject…"), ("replay", "Replay"))


def _facts(row: PolicyChangeRequest) -> Sequence[tuple[str, object]]:
    found = diff_of(row)
    return (
        ("Policy", f"{row.name} ({row.slug})" if row.name else row.slug),
        ("Put up by", f"{row.author}, {row.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Note", row.note or "–"),
        ("Written over", str(row.base_version) if row.base_version else "nothing in effect"),
        ("Lines", f"{found.added} added (+), {found.removed} removed (-)"),
        ("Diff", shown_diff(found)),
    )


class _GroupInline(admin.TabularInline[FlipGroup, Comparison]):
    model = FlipGroup
    verbose_name_plural = "what would end otherwise"
    fields = readonly_fields = ("agent_name", "server", "tool", "before", "after", "count")
    extra = 0
    can_delete = False

    @admin.display(description="MCP server")
    def server(self, row: FlipGroup) -> str:
        return row.mcp_server

    def has_view_permission(self, request: HttpRequest, obj: Comparison | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Comparison | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Comparison | None = None) -> bool:
        return False


class ComparisonAdmin(ReadOnlyAdmin):
    """Replays and shadows, as they come along."""

    list_display = ("slug", "kind", "status", "percent", "done", "flips", "started_by", "created_at", "finished_at")
    list_filter = ("kind", "status")
    list_select_related = False
    search_fields = ("slug", "started_by")
    actions = ("cancel",)
    inlines = (_GroupInline,)
    fields = (
        "kind", "slug", "status", "problem", "summary", "started_by", "created_at", "started_at", "finished_at", "days",
        "done", "total", "unchanged", "flips", "its_totals", "masked", "unreadable", "drifted", "errors_before",
        "errors_after",
    )  # fmt: skip
    menu_name = "Replays and shadows"

    def has_author_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, NEEDS[Act.COMPARE])

    @admin.display(description="progress")
    def percent(self, row: Comparison) -> str:
        return "" if not row.total else f"{100 * row.done // row.total} %"

    @admin.display(description="in short")
    def summary(self, row: Comparison) -> str:
        return summary(row)

    @admin.display(description="judged alike by both, without asking either")
    def unchanged(self, row: Comparison) -> int:
        return row.done - row.unreadable - sum(sum(to.values()) for to in row.totals.values())

    @admin.display(description="judged by both: before → after")
    def its_totals(self, row: Comparison) -> SafeString | str:
        lines = [
            (before, after, count) for before, to in sorted(row.totals.items()) for after, count in sorted(to.items())
        ]
        return format_html_join("", "<div>{} → {}: {}</div>", lines) if lines else "None."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(
            request, {"title": self.menu_name, "menu_name": self.menu_name, **(extra_context or {})}
        )

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        more: dict[str, Any] = {} if row is None else {"title": row.get_kind_display(), "samples": samples_of(row)}
        more["menu_name"] = self.menu_name
        return super().change_view(request, object_id, form_url, {**more, **(extra_context or {})})

    @admin.action(description="Cancel replays", permissions=["author"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Comparison]) -> None:
        _each(self, request, rows, lambda row, by: replays.cancel(row.pk, by=by))


class ChangeSettingsAdmin(RefusalsInForm, RoleAdmin):
    """Whether policies take effect by approval alone, and how long inputs are kept. The rest is the operator's."""

    list_display = ("__str__", "policy_approval", "replay_days")
    list_select_related = False
    search_fields = ("tenant__name",)
    fields = ("policy_approval", "replay_days")
    actions = None
    write_role = Role.ADMIN

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: TenantConfig, form: ModelForm[TenantConfig], change: bool) -> None:
        services.configure(actor=person_of(request).actor, changes=form.cleaned_data)


def summary(row: Comparison) -> str:
    of = "" if row.total is None else f" of {row.total}"
    text = f"{row.status}: {row.done}{of} recorded calls, {row.flips} would end otherwise"
    return f"{text}. {row.problem}" if row.problem else text


def groups_of(row: Comparison) -> SafeString:
    groups = row.groups.all()[:SHOWN]
    lines = ((one.agent_name, one.tool, one.before, one.after, one.count) for one in groups)
    return format_html_join("", "<div>{}, <code>{}</code>: {} → {}, {} times</div>", lines)


def samples_of(row: Comparison) -> SafeString:
    """A table of the first samples, each a link to the entry of the recorded call."""
    lines = [
        (
            reverse("tenant:audit_auditentry_change", args=[one.seq]), f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
            one.agent_name, one.mcp_server, one.tool, one.resource, one.before, one.before_policy, one.after,
            one.after_policy, one.recorded,
        )
        for one in row.samples.all()[:SHOWN]
    ]  # fmt: skip
    pattern = (
        '<tr><td class="notbroken"><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>'
        "<td>{} ({})</td><td>{} ({})</td><td>{}</td></tr>"
    )
    return format_html(
        '<div class="module wide"><h2>Samples</h2><p>At most {} calls are kept for each line above, and at most {} are'
        " shown here.</p><table><thead><tr><th>time</th><th>agent</th><th>MCP server</th><th>tool</th><th>resource</th>"
        "<th>before</th><th>after</th><th>in the log</th></tr></thead><tbody>{}</tbody></table></div>",
        SAMPLES_PER_GROUP, SHOWN, format_html_join("", pattern, lines),
    )  # fmt: skip


_MARKS: Final[Mapping[str, str]] = {
    "+": "<ins>{}</ins>", "-": "<del>{}</del>", "@": '<span class="place">{}</span>',
}  # fmt: skip


def shown_diff(diff: diffs.Diff) -> SafeString:
    """Monospace; what comes and goes is told by its sign and by its element, not by colour alone."""
    lines = diff.text.split("\n")
    head = format_html_join("", '<span class="head">{}</span>', ((line,) for line in lines[:2]))
    body = ((format_html(_MARKS.get(line[:1], "<span>{}</span>"), line or " "),) for line in lines[2:])
    return format_html('<pre class="diff">{}{}</pre>', head, format_html_join("", "{}", body))


def _each(
    page: admin.ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any, Person], object]
) -> None:
    by = person_of(request)
    for row in rows:
        try:
            act(row, by)
            page.message_user(request, f"{row}: done", messages.SUCCESS)
        except AppError as error:
            page.message_user(request, f"{row}: {error.detail}", messages.ERROR)
