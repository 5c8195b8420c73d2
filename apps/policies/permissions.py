"""Who may do what with policies: one table, asked by REST, by the admin and by the services themselves.

Nobody reviews a change of their own, whatever their role and whichever token they use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from apps.decision.errors import NotAllowed
from apps.tenants.roles import Role, actor_of, role_of_user


class Act(StrEnum):
    READ = "read"
    WRITE = "write"  # drafts and versions; where no approval is needed also activation
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    REVIEW = "review"
    COMPARE = "compare"  # replay and shadow
    CONFIGURE = "configure"


NEEDS: Final[Mapping[Act, Role]] = MappingProxyType(
    {
        Act.READ: Role.VIEWER,
        Act.WRITE: Role.POLICY_AUTHOR,
        Act.SUBMIT: Role.POLICY_AUTHOR,
        Act.WITHDRAW: Role.POLICY_AUTHOR,
        Act.REVIEW: Role.POLICY_AUTHOR,
        Act.COMPARE: Role.POLICY_AUTHOR,
        Act.CONFIGURE: Role.ADMIN,
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: as the log names them, as their account, and with the role that counts now."""

    actor: str
    user_id: int | None
    role: Role | None

    def may(self, act: Act) -> bool:
        return self.role is not None and self.role >= NEEDS[act]

    def wrote(self, author: str, author_user: int | None) -> bool:
        """Whether this is the person behind those words, also after a change of name or through a token."""
        same_account = self.user_id is not None and self.user_id == author_user
        return same_account or _name(self.actor) == _name(author)


def person_of(request: Any) -> Person:
    """Of a request of REST or of the admin. A token's role caps its owner's."""
    role, cap = role_of_user(request.user), getattr(getattr(request, "auth", None), "role", None)
    if role is not None and cap is not None:
        role = min(role, Role(cap))
    return Person(actor_of(request), request.user.pk, role)


def demand(by: Person, act: Act) -> None:
    """Raises NotAllowed unless the person's role is enough."""
    if not by.may(act):
        raise NotAllowed(f"This needs the role {NEEDS[act].group} or higher.")


def _name(actor: str) -> str:
    return actor.partition(" token:")[0]
