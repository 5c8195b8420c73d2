"""What stops agents now, in words for people."""

from datetime import datetime

from apps.exceptions.services import fleet, kill_switch


def tenant_words() -> tuple[str, ...]:
    """Of the tenant the caller stands in: the installation's stop, its own, or both; nothing where neither holds."""
    standing = kill_switch.standing()
    but = ", except where the glass is broken" if standing.lifts else ""
    words = fleet_words(f"STOPPED by the operator, for every tenant{but}: ")
    if (own := standing.tenant) is not None:
        since = f"since {_at(own.engaged_at)} by {own.engaged_by}"
        words += (f"STOPPED{but}: no call of any agent of this tenant is forwarded, {since}. Reason: {own.reason}",)
    return words


def fleet_words(before: str = "STOPPED: ") -> tuple[str, ...]:
    stop = fleet.current()
    if stop is None:
        return ()
    since = f"since {_at(stop.engaged_at)} by {stop.engaged_by}"
    return (f"{before}no call of any agent of this installation is forwarded, {since}. Reason: {stop.reason}",)


def lift_words() -> tuple[str, ...]:
    """For whom the tenant's glass is broken."""
    return tuple(
        f"The glass is broken for {f'the agent {one.agent_id}' if one.agent_id else 'ALL agents'} until"
        f" {_at(one.expires_at)}: what stops the tenant does not hold there. Policy does. Reason: {one.reason}"
        for one in kill_switch.open_lifts()
    )


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
