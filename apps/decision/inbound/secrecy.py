"""The secrets in what a server sends: found in its strings, over their joints and under base64; and taken out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.decision.inbound import blobs
from apps.decision.inbound.joints import glued
from apps.decision.inbound.texts import OPAQUE, Texts, is_opaque
from apps.decision.scan.redact import Edit, Label, Put, told_apart
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import JSON, DlpAction, Finding, Scanner

THROUGH = (blobs.reads, blobs.written)
_TAKEN_OUT = frozenset((DlpAction.REDACT, DlpAction.DENY))


@dataclass(frozen=True, slots=True)
class Secret:
    """A finding, and the edit that takes it out."""

    finding: Finding
    edit: Edit


def unread(secrets: Iterable[Secret]) -> bool:
    """Whether there was more than a scan looks at closely, where it matters."""
    return any(one.finding.rule == SCAN_LIMIT and one.finding.action in _TAKEN_OUT for one in secrets)


def edits(secrets: Iterable[Secret]) -> list[Edit]:
    """What must not be passed on is taken out, denied or not."""
    return [one.edit for one in secrets if one.finding.action in _TAKEN_OUT and one.finding.rule != SCAN_LIMIT]


def find(value: JSON, texts: Texts, scan: Scanner, salt: bytes, before: str) -> tuple[Texts, list[Secret]]:
    """The texts come back with their places, where those were needed."""
    seen = scan(value)
    joints = glued(texts, before)
    if not seen and joints is None and not texts.encoded:
        return texts, []
    label = told_apart(salt)
    direct = [one for one in seen if not _handed_back(value, one)]
    across = scan(joints.text) if joints is not None else ()
    opened = [(part, found) for part in texts.encoded if (found := scan(texts.parts[part]))]
    if joints is None and not opened and not (direct and texts.encoded):
        return texts, [Secret(one, _edit(one, label)) for one in direct]
    secrets: list[Secret] = []
    if across or opened or direct:
        texts = texts.located()
    encoded = {texts.path(texts.spot(part)): part for part in texts.encoded} if texts.spots is not None else {}
    for one in direct:
        if one.path not in encoded or one.in_key or encoded[one.path] in texts.doubtful:
            secrets.append(Secret(one, _edit(one, label)))
        elif not any(part == encoded[one.path] for part, _ in opened):
            # Seen in the encoded form alone: what it opens to goes as a whole.
            whole = Edit(one.path, 0, len(texts.parts[encoded[one.path]]), _put(label, one.rule), through=THROUGH)
            secrets.append(Secret(one, whole))
    for part, found in opened:
        path, length = texts.path(texts.spot(part)), texts.spot(part).encoded
        for one in found:
            told = _moved(one, path, 0, length)
            secrets.append(Secret(told, Edit(path, one.start, one.end, _put(label, one.rule), through=THROUGH)))
    if joints is not None:
        known = {(one.finding.path, one.finding.rule) for one in secrets}
        for one in across:
            if one.rule == SCAN_LIMIT:
                secrets.append(Secret(one, _edit(one, label)))
                continue
            # The same name wherever the secret is cut.
            name = label(one.rule, joints.text[one.start : one.end])
            for piece in joints.pieces(one.start, one.end):
                path = texts.path(texts.spot(piece.part))
                if (path, one.rule) not in known:
                    told = _moved(one, path, piece.start, piece.end)
                    secrets.append(Secret(told, Edit(path, piece.start, piece.end, _always(name))))
    return texts, secrets


def _handed_back(value: JSON, one: Finding) -> bool:
    """A cursor or a state that clients hand back unread must come back as it was."""
    name = one.path.removeprefix("$.")
    return not one.in_key and name in OPAQUE and isinstance(value, dict) and is_opaque(name, value.get(name))


def _moved(one: Finding, path: str, start: int, end: int) -> Finding:
    return Finding(one.scanner, one.rule, one.severity, one.action, path, one.excerpt, False, start, end)


def _edit(one: Finding, label: Label) -> Edit:
    return Edit(one.path, one.start, one.end, _put(label, one.rule), one.in_key)


def _put(label: Label, rule: str) -> Put:
    return lambda secret: label(rule, secret)


def _always(text: str) -> Put:
    return lambda _: text


def hidden(secrets: Iterable[Secret]) -> Iterator[tuple[str, int, int]]:
    """Where secrets stand: no excerpt may show them."""
    for one in secrets:
        if not one.finding.in_key:
            yield one.finding.path, one.finding.start, one.finding.end
