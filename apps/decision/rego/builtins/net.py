"""Addresses and networks as text. Nothing is resolved and nothing is contacted."""

import ipaddress
from collections.abc import Iterator
from typing import TypeAlias

from apps.decision.rego.builtins.arguments import bounded_items, items, string
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import RegoSet, Value, make_set, thaw

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: Value, position: int = 1) -> Network:
    text = string(value, position)
    if "/" not in text or not text.rpartition("/")[2].isascii() or not text.rpartition("/")[2].isdigit():
        raise BuiltinError("invalid CIDR address")
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BuiltinError("invalid CIDR address") from None


def _any_network(value: Value, position: int = 1) -> Network:
    """A network, or an address as the network of itself."""
    text = string(value, position)
    if "/" in text:
        return _network(text, position)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise BuiltinError("not a valid textual representation of an IP address or CIDR") from None


def _within(outer: Network, inner: Network) -> bool:
    return (
        outer.version == inner.version
        and int(outer.network_address) <= int(inner.network_address)
        and int(inner.broadcast_address) <= int(outer.broadcast_address)
    )


def cidr_contains(outer: Value, inner: Value) -> bool:
    return _within(_network(outer, 1), _any_network(inner, 2))


def cidr_intersects(a: Value, b: Value) -> bool:
    first, second = _network(a, 1), _network(b, 2)
    return first.version == second.version and first.overlaps(second)


def cidr_is_valid(value: Value) -> bool:
    if type(value) is not str:
        return False
    try:
        _network(value)
    except BuiltinError:
        return False
    return True


def cidr_expand(value: Value) -> RegoSet:
    network = _network(value)
    bounded_items(network.num_addresses)
    return RegoSet((str(address), str(address)) for address in network)


def cidr_merge(value: Value) -> RegoSet:
    networks: list[Network] = [_classful(item) for item in items(value)]
    merged: list[Network] = []
    merged += ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network))
    merged += ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network))
    return make_set(str(network) for network in merged)


def _classful(value: Value) -> Network:
    """An address without a prefix length gets that of its class, as in OPA; version 6 has no classes."""
    text = string(value)
    if "/" in text:
        return _network(text)
    address = _any_network(text).network_address
    if isinstance(address, ipaddress.IPv6Address):
        raise BuiltinError("IPv6 address without a prefix length")
    first = address.packed[0]
    return ipaddress.ip_network(f"{text}/{8 if first < 128 else 16 if first < 192 else 24}", strict=False)


def cidr_contains_matches(outer: Value, inner: Value) -> RegoSet:
    candidates = list(_keyed(inner, 2))
    found: list[Value] = []
    for key, text in _keyed(outer, 1):
        network = _network(text, 1)
        found += [[key, other] for other, address in candidates if _within(network, _any_network(address, 2))]
        bounded_items(len(found))
    return make_set(found)


def _keyed(value: Value, position: int) -> Iterator[tuple[Value, str]]:
    """What to report, and the address: of a string, or of arrays that begin with one, alone or in a collection."""
    if type(value) is str:
        yield value, value
    elif type(value) is dict:
        for key, item in value.items():
            yield thaw(key), _address(item, position)
    elif type(value) is list:
        for index, item in enumerate(value):
            yield index, _address(item, position)
    else:
        for item in items(value, position):
            yield item, _address(item, position)


def _address(item: Value, position: int) -> str:
    if type(item) is list and item and type(item[0]) is str:
        return item[0]
    if type(item) is str:
        return item
    raise BuiltinError(f"operand {position}: element must be string or non-empty array")
