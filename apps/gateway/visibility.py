"""Who may see what: a thing that policy could never allow this caller is not listed, and answered for as missing.

"Could allow" means: asked with the name and without arguments, policy does not say deny. A rule that denies because
of an argument therefore leaves the tool visible, and so does one that asks for approval. So does, too, a live exception
that speaks of it.
"""

from apps.decision import exceptions
from apps.decision import pipeline as judgement
from apps.decision.facts import Facts
from apps.decision.types import JSON, Call, Effect
from apps.gateway import calls, methods
from apps.gateway.methods import Listing


async def could_allow(facts: Facts, method: str, name: str) -> bool:
    server = facts.server
    asked = methods.from_client(method)
    action = calls.action_of(server, name) if method == "tools/call" else asked.action
    resource = name if asked.header == "uri" else ""
    call = Call(server.name, method, name, action, resource, server.kind, 1, {}, "")
    ruling = await judgement.ask(facts.book, judgement.document(call, facts))
    if ruling.result is not Effect.DENY:
        return True
    if asked.header == "uri":
        return exceptions.granted(calls.of_resource(call, name), facts) is not None
    return exceptions.names(facts, method, name)


async def filtered(facts: Facts, listing: Listing, result: dict[str, JSON]) -> dict[str, JSON]:
    """The result with only what the caller may see, in the order of the names, never to be shared by a cache."""
    items = result.get(listing.items)
    if not isinstance(items, list):
        return result
    seen = [
        item
        for item in items
        if isinstance(item, dict)
        and isinstance(item.get(listing.name), str)
        and await could_allow(facts, listing.used_by, item[listing.name])
    ]
    seen.sort(key=lambda item: str(item[listing.name]))
    return {**result, listing.items: seen}
