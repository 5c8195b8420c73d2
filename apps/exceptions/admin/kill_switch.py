"""The kill switch in the admin: the tenant's own, and on the operator's site the installation's and the glass."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from django import forms

from apps.exceptions.admin.turning import Says, Turn, TurnForm, TurningAdmin
from apps.exceptions.services import break_glass, fleet, kill_switch
from apps.exceptions.services.break_glass import DEFAULT_MINUTES, MAX_MINUTES
from apps.exceptions.services.standing_words import fleet_words, lift_words, tenant_words
from apps.tenants.context import in_tenant
from apps.tenants.services import schema_of_slug, standing_schemas
from apps.tenants.sites import ReadOnlyAdmin

STOPPED = "All agents are stopped: no call is forwarded any more."
UNTOLD = " Redis could not be told; gateways hear of it as soon as it answers."


def _engage(data: Mapping[str, Any], actor: str) -> str:
    announced = kill_switch.engage(reason=data["reason"], actor=actor)
    return STOPPED if announced else STOPPED + UNTOLD


def _release(data: Mapping[str, Any], actor: str) -> str:
    announced = kill_switch.release(reason=data["reason"], actor=actor)
    if kill_switch.standing().stopped:
        return "This tenant's own stop is over. The installation's still holds."
    return "Agents may act again." if announced else "Agents may act again." + UNTOLD


class KillSwitchAdmin(TurningAdmin):
    list_display = ("engaged_at", "engaged_by", "reason", "released_at", "released_by", "release_reason")
    list_filter = ("engaged_at", "released_at")
    search_fields = ("reason", "engaged_by", "released_by", "release_reason")
    list_select_related = False
    turns: ClassVar[Mapping[str, Turn]] = {
        "engage": Turn(
            "Stop all agents",
            "Every agent of this tenant is refused from now on, and calls that wait for a person are denied."
            " The next page comes when no call is forwarded any more.",
            _engage,
            danger=True,
        ),
        "release": Turn("Release", "The agents of this tenant may act again, as policy lets them.", _release),
    }

    def says(self) -> Says:
        stops = tenant_words()
        if not stops:
            return Says(lines=("Nothing stops the agents: they may act, as policy lets them.",))
        return Says(stops, lift_words())

    def fitting(self) -> tuple[str, ...]:
        return ("release",) if kill_switch.standing().tenant is not None else ("engage",)


class BreakGlassAdmin(ReadOnlyAdmin):
    """Only looked at: the operator breaks the glass."""

    list_display = ("broken_at", "agent_id", "reason", "broken_by", "expires_at", "mended_at", "mended_by")
    list_filter = ("broken_at", "mended_at")
    search_fields = ("agent_id", "reason", "broken_by")
    list_select_related = False


class TenantTurnForm(TurnForm):
    tenant = forms.SlugField(help_text="The tenant's slug.")


class BreakForm(TenantTurnForm):
    whom = forms.ChoiceField(
        label="For whom",
        choices=[("agent", "one agent, named below"), ("all", "ALL agents of the tenant")],
        widget=forms.RadioSelect,
    )
    agent_id = forms.UUIDField(required=False, label="Agent id", help_text="Where it is for one agent.")
    minutes = forms.IntegerField(
        min_value=1, max_value=MAX_MINUTES, initial=DEFAULT_MINUTES, help_text=f"1 to {MAX_MINUTES}."
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        whom, named = data.get("whom"), data.get("agent_id") is not None
        if whom == "agent" and not named and "agent_id" not in self.errors:
            self.add_error("agent_id", "Say which agent.")
        if whom == "all" and named:
            self.add_error("agent_id", "Leave this empty for all agents, or choose one agent above.")
        return data


def _in_tenant(data: Mapping[str, Any], actor: str, turn: Any) -> str:
    with in_tenant(schema_of_slug(data["tenant"])):
        return f"{data['tenant']}: {turn(data, actor)}"


def _told(told: fleet.Told) -> str:
    words = f"{len(told.told)} tenants were told."
    if told.failed:
        words += f" Not told yet, and tried again by the worker: {', '.join(told.failed)}."
    return words if told.announced else words + UNTOLD


def _break(data: Mapping[str, Any], actor: str) -> str:
    row = break_glass.break_glass(
        schema_of_slug(data["tenant"]),
        reason=data["reason"],
        actor=actor,
        minutes=data["minutes"],
        agent_id=str(data["agent_id"] or ""),
    )
    return f"{data['tenant']}: the stop is lifted until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC."


def _mend(data: Mapping[str, Any], actor: str) -> str:
    count = break_glass.mend(schema_of_slug(data["tenant"]), reason=data["reason"], actor=actor)
    return f"{data['tenant']}: {count} lifts are mended, and the stop holds for everybody."


class FleetStopAdmin(TurningAdmin):
    list_display = ("engaged_at", "engaged_by", "reason", "released_at", "released_by", "release_reason")
    list_filter = ("engaged_at", "released_at")
    search_fields = ("reason", "engaged_by", "released_by", "release_reason")
    list_select_related = False
    who = "operator"
    turns: ClassVar[Mapping[str, Turn]] = {
        "engage": Turn(
            "Stop the installation",
            "Every agent of EVERY tenant is refused from now on, and calls that wait for a person are denied.",
            lambda data, actor: _told(fleet.engage_fleet(reason=data["reason"], actor=actor)),
            danger=True,
        ),
        "release": Turn(
            "Release the installation",
            "The installation's stop ends. Tenants that stopped themselves stay stopped.",
            lambda data, actor: _told(fleet.release_fleet(reason=data["reason"], actor=actor)),
        ),
        "engage-tenant": Turn(
            "Stop one tenant",
            "Every agent of this tenant is refused from now on.",
            lambda data, actor: _in_tenant(data, actor, _engage),
            TenantTurnForm,
            danger=True,
        ),
        "release-tenant": Turn(
            "Release one tenant",
            "This ends the tenant's own stop, whoever engaged it.",
            lambda data, actor: _in_tenant(data, actor, _release),
            TenantTurnForm,
        ),
        "break-glass": Turn(
            "Break the glass",
            "For a limited time what stops this tenant does not hold for one agent, or for all. Policy still does.",
            _break,
            BreakForm,
            danger=True,
        ),
        "mend": Turn("Mend the glass", "The stop holds again for everybody, at once.", _mend, TenantTurnForm),
    }

    def says(self) -> Says:
        stops, found = fleet_words(), _tenants()
        own, broken = (", ".join(names) for names in (found.stopped, found.broken))
        stops += (f"Stopped on their own: {own}.",) if own else ()
        lifts = (f"The glass is broken in: {broken}.",) if broken else ()
        return Says(stops, lifts, () if fleet.current() else ("Nothing stops the installation as a whole.",))

    def fitting(self) -> tuple[str, ...]:
        stopped, found = fleet.current() is not None, _tenants()
        fits = {
            "engage": not stopped,
            "release": stopped,
            "engage-tenant": True,
            "release-tenant": bool(found.stopped),
            "break-glass": stopped or bool(found.stopped),
            "mend": bool(found.broken),
        }
        return tuple(name for name in self.turns if fits[name])


class _Found(NamedTuple):
    stopped: tuple[str, ...]
    broken: tuple[str, ...]


def _tenants() -> _Found:
    """Which tenants have a stop of their own, and which a broken glass. Asks each; nobody opens this page often."""
    stopped, broken = [], []
    for schema in standing_schemas():
        with in_tenant(schema):
            standing = kill_switch.standing()
        if standing.tenant is not None:
            stopped.append(schema.removeprefix("t_"))
        if standing.lifts:
            broken.append(schema.removeprefix("t_"))
    return _Found(tuple(stopped), tuple(broken))
