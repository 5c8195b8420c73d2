"""Signed anchors: what remains of dropped months, and where the rest of the chain begins."""

from datetime import UTC, date, datetime

from apps.audit import signing
from apps.audit.models import ChainAnchor
from apps.decision.chain import canonical


def make(schema: str, month: date, first_seq: int, last_seq: int, event_hash: str) -> ChainAnchor:
    """Store a signed anchor that covers a month's entries."""
    anchor = ChainAnchor(
        month=month, first_seq=first_seq, last_seq=last_seq, event_hash=event_hash, created_at=datetime.now(UTC)
    )
    anchor.public_key, anchor.signature = signing.sign(_message(schema, anchor))
    anchor.save(force_insert=True)
    return anchor


def before(first_seq: int | None) -> ChainAnchor | None:
    """The anchor that should lead up to the first entry there is; with no entry at all, the last anchor."""
    found = ChainAnchor.objects.order_by("-last_seq")
    return found.first() if first_seq is None else found.filter(last_seq__lt=first_seq).first()


def is_genuine(schema: str, anchor: ChainAnchor) -> bool:
    return signing.is_ours(_message(schema, anchor), anchor.public_key, anchor.signature)


def _message(schema: str, anchor: ChainAnchor) -> bytes:
    return canonical(
        {
            "created_at": anchor.created_at,
            "event_hash": anchor.event_hash,
            "first_seq": anchor.first_seq,
            "last_seq": anchor.last_seq,
            "month": anchor.month.isoformat(),
            "schema": "behavry.chain_anchor.v1",
            "tenant": schema,
        }
    )
