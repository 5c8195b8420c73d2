"""Every REST door of a tenant's host with the role that it asks for, and one of everything behind them."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.generic import RedirectView

from apps.agents import services as agents
from apps.agents.models import Agent, ServerPin, Session
from apps.audit import services as audit
from apps.audit.models import AuditEntry, ChainBreakEntry
from apps.decision import pins
from apps.exceptions.models import BreakGlass, KillSwitch
from apps.exceptions.services import grants, hooks
from apps.exceptions.tests import asking
from apps.policies import services as policies
from apps.policies.models import Comparison, PolicyChangeRequest
from apps.policies.services import canaries, inbound_rules, source_rules
from apps.policies.tests.examples import policy
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role

OPEN = None  # no sign-in: the door proves callers in its own way, or holds nothing of anybody's


@dataclass(frozen=True, slots=True)
class Door:
    """`body` is one that the door accepts. A `shared` address names something that every tenant has of its own."""

    role: Role | None
    body: Mapping[str, Any] | None = None
    shared: bool = False


def _new_policy() -> dict[str, Any]:
    return {"name": "Another", "content": policy("another_one")}


_PATTERN = {"name": "house_number", "regex": "house-[0-9]{4}", "severity": "low", "action": "log"}
_RULE = {"name": "red_door", "kind": "urgency_framing", "regex": "open the red door"}
_SOURCE = {"pattern": "docs.another.example", "tier": "trusted"}
_AGENT = UUID("00000000-0000-7000-8000-0000000000aa")  # every tenant has one of this id
_PIN = UUID("00000000-0000-7000-8000-0000000000ab")  # and so is one of its pins
_PEEK = {"digest": pins.identify("tool", "peek", {"name": "peek"})}
_PATTERNS = {"agent_id": str(_AGENT), "tool": "read_file", "resource": "/srv/a"}
_EXCEPTION = {**_PATTERNS, "justification": "Agreed with the owner.", "expires_in_hours": 1}
_PASSWORD = {"username": "nobody", "password": "a-guess"}  # of a person who does not exist

DOORS: dict[tuple[str, str], Door] = {
    ("GET", ""): Door(OPEN),
    ("GET", "favicon.ico"): Door(OPEN),
    ("GET", "health"): Door(OPEN),
    ("GET", "health/ready"): Door(OPEN),
    ("GET", ".well-known/jwks.json"): Door(OPEN),
    ("GET", ".well-known/oauth-authorization-server"): Door(OPEN),
    ("GET", "api/v1/schema"): Door(OPEN),
    ("GET", "api/v1/auth/authorize"): Door(OPEN),
    ("POST", "api/v1/auth/token"): Door(OPEN, {"grant_type": "client_credentials"}),
    ("POST", "api/v1/auth/admin/login"): Door(OPEN, _PASSWORD),
    ("POST", "api/v1/enroll"): Door(OPEN, {"token": "unknown", "name": "late"}),
    ("GET", "api/v1/agents"): Door(Role.VIEWER),
    ("POST", "api/v1/agents"): Door(Role.ADMIN, {"name": "another"}),
    ("GET", "api/v1/agents/<uuid:agent_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/agents/<uuid:agent_id>"): Door(Role.ADMIN, {"name": "renamed"}),
    ("POST", "api/v1/agents/<uuid:agent_id>/suspend"): Door(Role.ADMIN, {}),
    ("POST", "api/v1/agents/<uuid:agent_id>/resume"): Door(Role.ADMIN, {}),
    ("POST", "api/v1/agents/<uuid:agent_id>/revoke"): Door(Role.ADMIN, {}),
    ("POST", "api/v1/agents/<uuid:agent_id>/deprovision"): Door(Role.ADMIN, {}),
    ("POST", "api/v1/agents/<uuid:agent_id>/rotate-secret"): Door(Role.ADMIN, {}),
    ("GET", "api/v1/enrolment-tokens"): Door(Role.ADMIN),
    ("POST", "api/v1/enrolment-tokens"): Door(Role.ADMIN, {"label": "another"}),
    ("GET", "api/v1/enrolment-tokens/<uuid:token_id>"): Door(Role.ADMIN),
    ("DELETE", "api/v1/enrolment-tokens/<uuid:token_id>"): Door(Role.ADMIN),
    ("GET", "api/v1/sessions"): Door(Role.VIEWER),
    ("GET", "api/v1/sessions/<uuid:session_id>"): Door(Role.VIEWER),
    ("GET", "api/v1/sessions/<uuid:session_id>/events"): Door(Role.VIEWER),
    ("POST", "api/v1/sessions/<uuid:session_id>/revoke"): Door(Role.ADMIN, {}),
    ("GET", "api/v1/access-tokens"): Door(Role.VIEWER),
    ("POST", "api/v1/access-tokens"): Door(Role.VIEWER, {"name": "another", "role": "viewer"}),
    ("GET", "api/v1/access-tokens/<uuid:token_id>"): Door(Role.VIEWER),
    ("DELETE", "api/v1/access-tokens/<uuid:token_id>"): Door(Role.VIEWER),
    ("GET", "api/v1/servers"): Door(Role.VIEWER),
    ("POST", "api/v1/servers"): Door(
        Role.ADMIN, {"name": "another", "transport": "http", "url": "http://127.0.0.1:9/mcp"}
    ),
    ("GET", "api/v1/servers/<uuid:server_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/servers/<uuid:server_id>"): Door(Role.ADMIN, {"enabled": False}),
    ("DELETE", "api/v1/servers/<uuid:server_id>"): Door(Role.ADMIN),
    ("GET", "api/v1/servers/<uuid:server_id>/tools"): Door(Role.VIEWER),
    ("POST", "api/v1/servers/<uuid:server_id>/tools/approve"): Door(
        Role.POLICY_AUTHOR, {"items": [{"id": str(_PIN), "digest": pins.identify("tool", "poke", {"name": "poke"})}]}
    ),
    ("GET", "api/v1/servers/<uuid:server_id>/tools/<uuid:pin_id>"): Door(Role.VIEWER),
    ("POST", "api/v1/servers/<uuid:server_id>/tools/<uuid:pin_id>/approve"): Door(Role.POLICY_AUTHOR, _PEEK),
    ("POST", "api/v1/servers/<uuid:server_id>/tools/<uuid:pin_id>/reject"): Door(Role.POLICY_AUTHOR, _PEEK),
    ("GET", "api/v1/signing-keys"): Door(Role.VIEWER),
    ("POST", "api/v1/signing-keys/rotate"): Door(Role.ADMIN, {}),
    ("GET", "api/v1/audit/events"): Door(Role.VIEWER),
    ("GET", "api/v1/audit/events/<uuid:event_id>"): Door(Role.VIEWER),
    ("GET", "api/v1/audit/export"): Door(Role.VIEWER),
    ("GET", "api/v1/audit/verify"): Door(Role.VIEWER),
    ("GET", "api/v1/audit/chain/breaks"): Door(Role.VIEWER),
    ("POST", "api/v1/audit/chain/breaks/<uuid:break_id>/acknowledge"): Door(Role.ANALYST, {"note": "Seen."}),
    ("GET", "api/v1/policies"): Door(Role.VIEWER),
    ("POST", "api/v1/policies"): Door(Role.POLICY_AUTHOR, _new_policy()),
    ("GET", "api/v1/policies/base"): Door(Role.VIEWER),
    ("GET", "api/v1/policies/settings"): Door(Role.VIEWER),
    ("PATCH", "api/v1/policies/settings"): Door(Role.ADMIN, {"replay_days": 3}),
    ("GET", "api/v1/policies/change-requests"): Door(Role.VIEWER),
    ("POST", "api/v1/policies/change-requests"): Door(Role.POLICY_AUTHOR, _new_policy()),
    ("GET", "api/v1/policies/change-requests/pending-count"): Door(Role.VIEWER),
    ("GET", "api/v1/policies/change-requests/<uuid:change_id>"): Door(Role.VIEWER),
    ("POST", "api/v1/policies/change-requests/<uuid:change_id>/approve"): Door(Role.POLICY_AUTHOR, {}),
    ("POST", "api/v1/policies/change-requests/<uuid:change_id>/reject"): Door(Role.POLICY_AUTHOR, {"note": "No."}),
    ("POST", "api/v1/policies/change-requests/<uuid:change_id>/withdraw"): Door(Role.POLICY_AUTHOR, {}),
    ("POST", "api/v1/policies/change-requests/<uuid:change_id>/rebase"): Door(Role.POLICY_AUTHOR, {}),
    ("GET", "api/v1/policies/change-requests/<uuid:change_id>/replay"): Door(Role.VIEWER),
    ("POST", "api/v1/policies/change-requests/<uuid:change_id>/replay"): Door(Role.POLICY_AUTHOR, {}),
    ("GET", "api/v1/policies/replays"): Door(Role.VIEWER),
    ("GET", "api/v1/policies/replays/<uuid:replay_id>"): Door(Role.VIEWER),
    ("GET", "api/v1/policies/replays/<uuid:replay_id>/flips"): Door(Role.VIEWER),
    ("POST", "api/v1/policies/replays/<uuid:replay_id>/cancel"): Door(Role.POLICY_AUTHOR, {}),
    ("POST", "api/v1/policies/<uuid:policy_id>/replay"): Door(Role.POLICY_AUTHOR, {}),
    ("GET", "api/v1/policies/<uuid:policy_id>/shadow"): Door(Role.VIEWER),
    ("POST", "api/v1/policies/<uuid:policy_id>/shadow"): Door(Role.POLICY_AUTHOR, {}),
    ("DELETE", "api/v1/policies/<uuid:policy_id>/shadow"): Door(Role.POLICY_AUTHOR),
    ("POST", "api/v1/policies/<uuid:policy_id>/shadow/promote"): Door(Role.POLICY_AUTHOR, {}),
    ("GET", "api/v1/policies/<uuid:policy_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/policies/<uuid:policy_id>"): Door(Role.POLICY_AUTHOR, {"name": "Renamed"}),
    ("POST", "api/v1/policies/<uuid:policy_id>/activate"): Door(Role.POLICY_AUTHOR, {}),
    ("POST", "api/v1/policies/<uuid:policy_id>/archive"): Door(Role.POLICY_AUTHOR, {}),
    ("POST", "api/v1/policies/<uuid:policy_id>/test"): Door(Role.POLICY_AUTHOR, {"input": {}}),
    ("GET", "api/v1/policies/<uuid:policy_id>/versions"): Door(Role.VIEWER),
    ("GET", "api/v1/dlp/patterns"): Door(Role.VIEWER),
    ("POST", "api/v1/dlp/patterns"): Door(Role.POLICY_AUTHOR, _PATTERN),
    ("GET", "api/v1/dlp/patterns/<int:pattern_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/dlp/patterns/<int:pattern_id>"): Door(Role.POLICY_AUTHOR, {"enabled": False}),
    ("DELETE", "api/v1/dlp/patterns/<int:pattern_id>"): Door(Role.POLICY_AUTHOR),
    ("GET", "api/v1/admin/killswitch"): Door(Role.VIEWER),
    ("POST", "api/v1/admin/killswitch"): Door(
        Role.ADMIN, {"action": "engage", "reason": "Somebody tries a door."}, shared=True
    ),
    ("GET", "api/v1/admin/blast-radius"): Door(Role.VIEWER, shared=True),
    ("PATCH", "api/v1/admin/blast-radius"): Door(Role.ADMIN, {"bulk_action_threshold": 40}, shared=True),
    ("GET", "api/v1/admin/rate-limits"): Door(Role.VIEWER, shared=True),
    ("PATCH", "api/v1/admin/rate-limits"): Door(Role.ADMIN, {"concurrent": 8}, shared=True),
    ("GET", "api/v1/escalations"): Door(Role.VIEWER),
    ("GET", "api/v1/escalations/<uuid:escalation_id>"): Door(Role.VIEWER),
    ("POST", "api/v1/escalations/<uuid:escalation_id>/resolve"): Door(Role.ANALYST, {"resolution": "deny"}),
    ("GET", "api/v1/admin/escalations"): Door(Role.VIEWER, shared=True),
    ("PATCH", "api/v1/admin/escalations"): Door(Role.ADMIN, {"hold_seconds": 30}, shared=True),
    ("GET", "api/v1/exceptions"): Door(Role.VIEWER),
    ("POST", "api/v1/exceptions"): Door(Role.POLICY_AUTHOR, _EXCEPTION),
    ("POST", "api/v1/exceptions/preview"): Door(Role.VIEWER, _PATTERNS),
    ("GET", "api/v1/exceptions/<uuid:exception_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/exceptions/<uuid:exception_id>/extend"): Door(Role.POLICY_AUTHOR, {"hours": 1}),
    ("POST", "api/v1/exceptions/<uuid:exception_id>/revoke"): Door(Role.POLICY_AUTHOR, {"reason": "Not needed."}),
    ("GET", "api/v1/exceptions/<uuid:exception_id>/uses"): Door(Role.VIEWER),
    ("GET", "api/v1/notification-hooks"): Door(Role.ADMIN),
    ("POST", "api/v1/notification-hooks"): Door(Role.ADMIN, {"name": "another", "url": "http://127.0.0.1:9/"}),
    ("GET", "api/v1/notification-hooks/<uuid:hook_id>"): Door(Role.ADMIN),
    ("PATCH", "api/v1/notification-hooks/<uuid:hook_id>"): Door(Role.ADMIN, {"enabled": False}),
    ("DELETE", "api/v1/notification-hooks/<uuid:hook_id>"): Door(Role.ADMIN),
    ("POST", "api/v1/notification-hooks/<uuid:hook_id>/test"): Door(Role.ADMIN, {}),
    ("POST", "api/v1/notification-hooks/<uuid:hook_id>/rotate-secret"): Door(Role.ADMIN, {}),
    ("GET", "api/v1/notification-hooks/<uuid:hook_id>/deliveries"): Door(Role.ADMIN),
    ("GET", "api/v1/dlp/builtin/<str:name>"): Door(Role.VIEWER, shared=True),
    ("GET", "api/v1/admin/inbound"): Door(Role.VIEWER, shared=True),
    ("PATCH", "api/v1/admin/inbound"): Door(Role.ADMIN, {"result_secrets": "deny"}, shared=True),
    ("GET", "api/v1/inbound-rules"): Door(Role.VIEWER),
    ("POST", "api/v1/inbound-rules"): Door(Role.POLICY_AUTHOR, _RULE),
    ("POST", "api/v1/inbound-rules/try"): Door(Role.POLICY_AUTHOR, {"text": "Nothing."}),
    ("GET", "api/v1/inbound-rules/<int:inbound_rule_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/inbound-rules/<int:inbound_rule_id>"): Door(Role.POLICY_AUTHOR, {"enabled": False}),
    ("DELETE", "api/v1/inbound-rules/<int:inbound_rule_id>"): Door(Role.POLICY_AUTHOR),
    ("GET", "api/v1/inbound-rules/builtin/<str:rule_name>"): Door(Role.VIEWER, shared=True),
    ("PATCH", "api/v1/inbound-rules/builtin/<str:rule_name>"): Door(
        Role.POLICY_AUTHOR, {"severity": "high"}, shared=True
    ),
    ("GET", "api/v1/canaries"): Door(Role.ANALYST),
    ("POST", "api/v1/canaries"): Door(Role.ADMIN, {"name": "another"}),
    ("GET", "api/v1/canaries/<uuid:canary_id>"): Door(Role.ANALYST),
    ("DELETE", "api/v1/canaries/<uuid:canary_id>"): Door(Role.ADMIN),
    ("GET", "api/v1/source-rules"): Door(Role.VIEWER),
    ("POST", "api/v1/source-rules"): Door(Role.POLICY_AUTHOR, _SOURCE),
    ("POST", "api/v1/source-rules/try"): Door(Role.VIEWER, {"server": "files"}),
    ("GET", "api/v1/source-rules/<uuid:source_rule_id>"): Door(Role.VIEWER),
    ("PATCH", "api/v1/source-rules/<uuid:source_rule_id>"): Door(Role.POLICY_AUTHOR, {"tier": "block"}),
    ("DELETE", "api/v1/source-rules/<uuid:source_rule_id>"): Door(Role.POLICY_AUTHOR),
    ("PATCH", "api/v1/dlp/builtin/<str:name>"): Door(Role.POLICY_AUTHOR, {"action": "deny"}, shared=True),
}


def found_doors() -> Iterator[tuple[str, str]]:
    """Method and route of everything that the tenant's URLconf answers, the admin site and styles aside."""
    for route, view in _routes(get_resolver("behavry.urls").url_patterns, ""):
        if route.startswith(("admin/", "static/")):
            continue
        offered = getattr(view, "view_class", getattr(view, "cls", None))
        if offered is None or issubclass(offered, RedirectView):
            yield "GET", route
            continue
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if hasattr(offered, method.lower()):
                yield method, route


def _routes(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


@dataclass(frozen=True, slots=True)
class Belongings:
    """One of everything that a tenant has. `marks` are words that stand nowhere but in this tenant."""

    ids: Mapping[str, str]
    marks: tuple[str, ...]
    access_token: str = field(repr=False)
    agent_token: str = field(repr=False)

    def address(self, route: str) -> str:
        """The route with this tenant's own ids."""
        kind = "enrolment_id" if "enrolment" in route else "access_id"
        for name, value in {**self.ids, "token_id": self.ids[kind]}.items():
            for converter in ("uuid", "int", "str"):
                route = route.replace(f"<{converter}:{name}>", value)
        return f"/{route}"


def furnish(schema: str, owner: User) -> Belongings:
    """Make one of everything in a tenant; `owner` gets the access token."""
    mark = f"only{secrets.token_hex(5)}"
    now = datetime.now(UTC)
    with in_tenant(schema):
        made = agents.register(name=f"{mark}-agent", actor="system", permissions=["filesystem:read"])
        grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
        server = agents.register_server(
            name=f"{mark}-server", transport="http", url="http://127.0.0.1:9/mcp", actor="system"
        )
        items = [agents.Item("tool", name, {"name": name}) for name in ("peek", "poke")]
        agents.observe(server.name, items, judge=lambda definition: (), review_new=True)
        ServerPin.objects.filter(name="poke").update(id=_PIN)
        enrolment = agents.create_enrolment_token(actor="system", label=f"{mark}-enrolment")
        access = agents.create_access_token(
            owner, name=f"{mark}-access", role=Role.ADMIN, ttl=timedelta(hours=1), actor="system"
        )
        draft = policies.create(name=f"{mark}-policy", content=policy(mark), actor="system")
        pattern = policies.create_pattern(
            actor="system", name=f"{mark}_pattern", regex=f"{mark}[0-9]{{4}}", severity="low", action="log"
        )
        rule = inbound_rules.create_rule(
            actor="system", name=f"{mark}_rule", kind="urgency_framing", severity="medium", regex=f"{mark} at once"
        )
        source = source_rules.create(
            kind="domain", pattern=f"{mark}.example", tier="untrusted", actor="system", note=f"{mark}-source"
        )
        canary = canaries.plant(name=mark, kind="email", actor="system", note=f"{mark}-canary").canary
        broken = ChainBreakEntry.objects.create(
            kind="gap", seq=1, last_seq=1, detail=f"{mark}-break", found_at=now, last_seen_at=now
        )
        hook = hooks.create_hook(name=f"{mark}-hook", url=f"http://127.0.0.1:9/{mark}", actor="system")
        held = asking.hold(
            schema, asking.make_asked(schema, asking.make_call(tool=f"{mark}_tool"), agent=str(made.agent.pk))
        )
        Agent.objects.create(id=_AGENT, name=f"{mark}-second", client_id=f"{mark}-second", secret_hash="")
        granted = grants.create(
            agent_id=_AGENT,
            tool=f"{mark}_tool",
            resource=f"/srv/{mark}",
            justification=f"{mark} agreed with the owner.",
            expires_in_hours=1,
            actor="system",
        )
        change = PolicyChangeRequest.objects.create(
            action="activate", slug=f"{mark}_change", name=f"{mark}-change", content=policy(f"{mark}_change"),
            author="system", checked_against="",
        )  # fmt: skip
        run = Comparison.objects.create(kind="replay", change=change, slug=change.slug, started_by="system")
        Comparison.objects.create(
            kind="shadow", status="running", policy=draft, version=draft.versions.get(), slug=draft.slug,
            content=policy(mark), started_by="system",
        )  # fmt: skip
        KillSwitch.objects.create(reason=f"{mark}-stop", engaged_by="system", released_by="system", released_at=now)
        BreakGlass.objects.create(reason=f"{mark}-glass", broken_by="system", expires_at=now, mended_at=now)
        session = Session.objects.get()
        entry = AuditEntry.objects.order_by("-seq")[0]
        ids = {
            "agent_id": str(made.agent.pk),
            "session_id": str(session.pk),
            "server_id": str(server.pk),
            "pin_id": str(ServerPin.objects.get(name="peek").pk),
            "enrolment_id": str(enrolment.row.pk),
            "access_id": str(access.row.pk),
            "policy_id": str(draft.pk),
            "change_id": str(change.pk),
            "replay_id": str(run.pk),
            "pattern_id": str(pattern.pk),
            "inbound_rule_id": str(rule.pk),
            "source_rule_id": str(source.pk),
            "canary_id": str(canary.pk),
            "rule_name": "reveal_prompt",
            "event_id": str(entry.id),
            "escalation_id": held.id,
            "hook_id": str(hook.hook.pk),
            "exception_id": str(granted.pk),
            "break_id": str(broken.id),
            "name": "aws_access_key",
        }
        keys = tuple(agents.public_keys(now))
    short = {"pattern_id", "name", "inbound_rule_id", "rule_name"}
    long = tuple(value for name, value in ids.items() if name not in short)
    return Belongings(ids, (mark, made.agent.client_id, *keys, *long), access.token, grant.access_token)


def head_of(schema: str) -> int:
    with in_tenant(schema):
        return audit.head(schema).seq
