"""Which domains a call names, and how far the tenant trusts them: what policies read before anything is sent there."""

from collections.abc import Sequence
from typing import Final

from apps.decision.inbound.addresses import domains_of, mentioned_in
from apps.decision.inbound.domains import MORE, UNREADABLE
from apps.decision.inbound.trust import Sources
from apps.decision.types import JSON, Call, SourceRule, Tier

SHOWN: Final = 200  # names in a policy's input, the blocked ones first
_FIRST: Final = {Tier.BLOCK: 0, Tier.UNTRUSTED: 1, Tier.TRUSTED: 2, None: 3}


def sources_named(call: Call, rules: Sequence[SourceRule]) -> list[JSON]:
    """Every domain in an address, and what only looks like a domain (`curl example.com`) where a rule speaks of it."""
    sources = rules if isinstance(rules, Sources) else Sources(rules)
    if not sources.exact and not sources.below:
        return []
    said = [call.arguments, {"uri": call.resource}]
    if call.method != "tools/call":
        said.append({"uri": call.tool})
    addressed = domains_of(said)
    found = []
    for name in dict.fromkeys((*addressed, *mentioned_in(said, sources.endings))):
        if name in (UNREADABLE, MORE):
            continue
        rule = sources.of_domain(name)
        if rule is not None or name in addressed:
            found.append((name, rule))
    found.sort(key=lambda one: _FIRST[one[1].tier if one[1] else None])
    unread = sources.blocking and MORE in addressed
    return [
        *([{"domain": MORE, "tier": "unread", "rule": ""}] if unread else []),
        *(
            {"domain": name, "tier": rule.tier.value if rule else None, "rule": rule.id if rule else ""}
            for name, rule in found[:SHOWN]
        ),
    ]
