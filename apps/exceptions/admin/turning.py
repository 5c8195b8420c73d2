"""A page for what concerns no single row: a form that asks why and whether one is sure, and then does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from apps.decision.errors import AppError
from apps.exceptions.services.kill_switch import MAX_REASON, MIN_REASON
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin


class TurnForm(forms.Form):
    reason = forms.CharField(
        min_length=MIN_REASON, max_length=MAX_REASON, widget=forms.Textarea({"rows": 3, "cols": 80})
    )
    sure = forms.BooleanField(label="I am sure", help_text="This concerns running agents at once.")
    field_order = ("tenant", "whom", "agent_id", "minutes", "reason", "sure")


class Turn:
    """One such page: `act(data, actor)` does it and says what has become of it."""

    def __init__(
        self,
        title: str,
        question: str,
        act: Callable[[Mapping[str, Any], str], str],
        form: type[TurnForm] = TurnForm,
        *,
        danger: bool = False,
    ) -> None:
        self.title = title
        self.question = question
        self.act = act
        self.form = form
        self.danger = danger  # its button looks like one that deletes


@dataclass(frozen=True, slots=True)
class Says:
    """What holds now, a sentence a line: stops are shown like errors, and what lifts them like a warning."""

    stops: tuple[str, ...] = ()
    lifts: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


class TurningAdmin(ReadOnlyAdmin):
    """A read-only list with such pages above it. Subclasses say which, and which fit now."""

    change_list_template = "admin/exceptions/turning_list.html"
    turns: ClassVar[Mapping[str, Turn]] = {}
    who = "user"

    def says(self) -> Says:
        """What holds now, above the list."""
        raise NotImplementedError

    def fitting(self) -> tuple[str, ...]:
        """The names of the turns that can be taken now."""
        return tuple(self.turns)

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(f"{name}/", self.admin_site.admin_view(self._page(turn)), name=f"{self.opts.model_name}_{name}")
            for name, turn in self.turns.items()
        ]
        return [*pages, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may = self._holds(request, Role.ADMIN)
        tools = [(f"{name}/", self.turns[name]) for name in self.fitting()] if may else []
        context = {"tools": tools, "says": self.says(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def _page(self, turn: Turn) -> Callable[[HttpRequest], HttpResponse]:
        def page(request: HttpRequest) -> HttpResponse:
            if not self._holds(request, Role.ADMIN):
                return HttpResponse("This needs an admin.", status=403)
            form = turn.form(request.POST if request.method == "POST" else None)
            if request.method == "POST" and form.is_valid():
                try:
                    said = turn.act(form.cleaned_data, f"{self.who}:{request.user.get_username()}")
                except AppError as error:
                    form.add_error(None, " ".join([error.detail, *error.fields.values()]))
                else:
                    self.message_user(request, said, messages.SUCCESS)
                    return HttpResponseRedirect("../")
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": turn.title,
                "turn": turn,
                "form": form,
            }
            return TemplateResponse(request, "admin/exceptions/turn.html", context)

        return page
