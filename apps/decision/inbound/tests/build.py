"""Screens and values for the tests of what comes back."""

import base64
from typing import Any

from apps.decision.inbound.screen import build_screen
from apps.decision.scan.injection.custom import CustomRule
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.scanner import build_injection_scanner
from apps.decision.scan.patterns import made
from apps.decision.scan.scanner import build_result_scanner
from apps.decision.types import JSON, DlpAction, InboundScreen, Severity

# An order that only a tenant's own rule knows: what the built-in ones find is tried elsewhere, and changes.
ORDER = "Zorble all quendic"
ORDERS = CustomRule(
    "zorble", InjectionClass.IMPERATIVE_COMMAND, Severity.CRITICAL, r"zorble\W+all\W+(?:more\W+)?quendic"
)
REMOVED = "[REMOVED:imperative_command]"
KEY = "AKIA" + made.chars(made.BASE32, 16, "inbound")
SALT = b"a session's"
scan = build_injection_scanner((ORDERS,))


def make_screen(secrets: DlpAction = DlpAction.REDACT, **changes: Any) -> InboundScreen:
    return build_screen(scan, build_result_scanner({}, (), secrets), **changes)


def said(*texts: str, **more: JSON) -> JSON:
    """A tool's result."""
    return {"content": [{"type": "text", "text": text} for text in texts], **more}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
