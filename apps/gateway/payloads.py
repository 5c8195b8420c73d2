"""How much of the arguments an entry keeps, by the tenant's payload mode."""

import base64

import orjson

from apps.decision.errors import AppError
from apps.decision.types import JSON, PayloadMode, Rulebook
from apps.gateway import calls
from apps.tenants.sealing import seal


def payload_of(book: Rulebook, method: str, sent: dict[str, JSON], clean: dict[str, JSON]) -> JSON:
    """`clean` is what was sent without what was found. A missing key means metadata only: the call goes on."""
    mode = book.payload_mode
    if mode is PayloadMode.METADATA_ONLY:
        return None
    if mode is PayloadMode.REDACTED:
        return calls.arguments_of(method, clean)
    if mode is PayloadMode.FULL:
        return calls.arguments_of(method, sent)
    try:
        sealed = seal(orjson.dumps(calls.arguments_of(method, sent)), context=f"{book.schema}:payload")
    except AppError:
        return None
    return {"sealed": base64.b64encode(sealed).decode()}
