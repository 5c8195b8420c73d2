"""What can be done in this room. Every change runs in one transaction and ends with its log entry.

All functions act on the tenant the caller stands in (`apps.tenants.context.in_tenant`).
"""

from apps.agents.services.access_tokens import (
    create_access_token,
    forget_sign_ins,
    revoke_access_token,
    use_access_token,
)
from apps.agents.services.agents import (
    Registered,
    deprovision,
    register,
    resume,
    revoke,
    rotate_secret,
    suspend,
    update,
)
from apps.agents.services.enrolment import create_enrolment_token, enrol, revoke_enrolment_token
from apps.agents.services.issuing import TokenGrant, issue_token, issue_token_to, record_refusal
from apps.agents.services.people import sign_in
from apps.agents.services.pin_reviews import approve as approve_pins
from apps.agents.services.pin_reviews import reject as reject_pins
from apps.agents.services.pins import Item, observe
from apps.agents.services.servers import register_server, remove_server, update_server
from apps.agents.services.sessions import close_expired, forget_ended, revoke_session
from apps.agents.services.signing_keys import ensure_signing_key, public_keys, rotate_signing_key
from apps.agents.services.state import AgentsSnapshot, snapshot

__all__ = [
    "AgentsSnapshot",
    "Item",
    "Registered",
    "TokenGrant",
    "approve_pins",
    "close_expired",
    "create_access_token",
    "create_enrolment_token",
    "deprovision",
    "enrol",
    "ensure_signing_key",
    "forget_ended",
    "forget_sign_ins",
    "issue_token",
    "issue_token_to",
    "observe",
    "public_keys",
    "record_refusal",
    "register",
    "register_server",
    "reject_pins",
    "remove_server",
    "resume",
    "revoke",
    "revoke_access_token",
    "revoke_enrolment_token",
    "revoke_session",
    "rotate_secret",
    "rotate_signing_key",
    "sign_in",
    "snapshot",
    "suspend",
    "update",
    "update_server",
    "use_access_token",
]
