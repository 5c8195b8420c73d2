"""What can be done in this room. Every change runs in one transaction and ends with its log entry.

All functions act on the tenant the caller stands in (`apps.tenants.context.in_tenant`).
"""

from apps.policies.services.changes import Proposal, approve, rebase, reject, submit, withdraw
from apps.policies.services.dlp import create_pattern, remove_pattern, set_builtin, update_pattern
from apps.policies.services.policies import Tried, activate, archive, create, save_version, try_out, update
from apps.policies.services.tenant import configure

__all__ = [
    "Proposal",
    "Tried",
    "activate",
    "approve",
    "archive",
    "configure",
    "create",
    "create_pattern",
    "rebase",
    "reject",
    "remove_pattern",
    "save_version",
    "set_builtin",
    "submit",
    "try_out",
    "update",
    "update_pattern",
    "withdraw",
]
