"""How far what a server sent is trusted, from the tenant's source rules.

A link is easily added, so what a text names can lower trust and never raises it: trusted is what comes from a trusted
server, or was fetched from a trusted address and names nothing else. See docs/source-rules.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apps.decision.inbound.domains import MORE, UNREADABLE, suffix_of
from apps.decision.types import SourceRule, Tier

_STRICTNESS: Final = {Tier.BLOCK: 0, Tier.UNTRUSTED: 1, Tier.TRUSTED: 2}
_UNKNOWN: Final = frozenset({UNREADABLE, MORE})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules say, and the id of the one that decides; "" where none does."""

    tier: Tier | None = None
    rule: str = ""


class Sources(tuple[SourceRule, ...]):
    """Source rules in the order in which they count, ready to be asked about many names."""

    exact: dict[str, SourceRule]
    below: dict[str, SourceRule]  # by the name after "*."
    servers: dict[str, SourceRule]
    families: tuple[tuple[str, SourceRule], ...]  # of servers whose names begin alike
    blocking: bool  # whether any domain is blocked
    endings: frozenset[str]  # the last labels of all domains

    def __new__(cls, rules: Iterable[SourceRule] = ()) -> "Sources":
        made = super().__new__(cls, sorted(rules, key=_order))
        made.exact, made.below, made.servers = {}, {}, {}
        families = []
        for rule in made:
            if rule.kind == "server":
                if rule.pattern.endswith("*"):
                    families.append((rule.pattern[:-1], rule))
                else:
                    made.servers.setdefault(rule.pattern, rule)
            elif rule.pattern.startswith("*."):
                made.below.setdefault(rule.pattern[2:], rule)
            else:
                made.exact.setdefault(rule.pattern, rule)
        made.families = tuple(families)
        if any(rule.tier is Tier.TRUSTED for rule in made.below.values()):
            suffix_of("example.com")  # the list is read here once, and not while a call waits
        made.endings = frozenset(name.rpartition(".")[2] for name in (*made.exact, *made.below))
        made.blocking = any(rule.kind != "server" and rule.tier is Tier.BLOCK for rule in made)
        return made

    def of_domain(self, host: str) -> SourceRule | None:
        """The rule that counts for a host in the spelling of `domains.spelled`."""
        return min(self._naming(host), key=_order, default=None)

    def of_server(self, name: str) -> SourceRule | None:
        found = [rule for start, rule in self.families if name.startswith(start)]
        if name in self.servers:
            found.append(self.servers[name])
        return min(found, key=_order, default=None)

    def _naming(self, host: str) -> Iterator[SourceRule]:
        if host in self.exact:
            yield self.exact[host]
        base = host
        while self.below:
            rule = self.below.get(base)
            if rule is not None and not (rule.tier is Tier.TRUSTED and _crossing(host, base)):
                yield rule
            _, dot, base = base.partition(".")
            if not dot:
                return


def resolve(rules: Sequence[SourceRule], server: str, domains: Sequence[str], fetched: Sequence[str] = ()) -> Standing:
    """What holds for content of `server` that names `domains`. `fetched`: whose address was asked for, where one was.

    Blocked is what comes from, was fetched from or names anything blocked; untrusted likewise, and what names more than
    is read. Trusted is the rest from a trusted server, or where everything fetched and named is trusted.
    """
    if not rules:
        return Standing()
    sources = rules if isinstance(rules, Sources) else Sources(rules)
    origin = sources.of_server(server)
    names = dict.fromkeys((*fetched, *domains))
    found = {name: sources.of_domain(name) for name in names if name not in _UNKNOWN}
    said = [rule for rule in (origin, *found.values()) if rule is not None]
    strictest = min(said, key=lambda rule: _STRICTNESS[rule.tier], default=None)
    if strictest is not None and strictest.tier is not Tier.TRUSTED:
        return Standing(strictest.tier, strictest.id)
    if MORE in names and (sources.exact or sources.below):
        return Standing(Tier.UNTRUSTED)
    if origin is not None:
        return Standing(Tier.TRUSTED, origin.id)
    first = found.get(fetched[0]) if fetched else None
    if first is not None and len(found) == len(names) and all(found.values()):
        return Standing(Tier.TRUSTED, first.id)
    return Standing()


def _order(rule: SourceRule) -> tuple[int, int, int, str]:
    """Lower priority first, then the more specific pattern, then the stricter tier."""
    return rule.priority, -_specific(rule), _STRICTNESS[rule.tier], rule.id


def _specific(rule: SourceRule) -> int:
    """An exact name before any wildcard, a longer wildcard before a shorter one."""
    if rule.kind == "server":
        return len(rule.pattern) if rule.pattern.endswith("*") else 1_000
    return rule.pattern.count(".") if rule.pattern.startswith("*.") else 1_000


def _crossing(host: str, base: str) -> bool:
    """Whether somebody else's names begin between the two: trust in *.amazonaws.com is none in x.s3.amazonaws.com."""
    suffix = suffix_of(host)
    return suffix == base or suffix.endswith(f".{base}")
