"""The rows of this room, one noun per file. Changing one is the business of the services."""

from apps.agents.models.access_token import PersonalAccessToken
from apps.agents.models.agent import Agent, AgentStatus, RiskTier
from apps.agents.models.enrolment import EnrolmentToken
from apps.agents.models.pin import PinKind, ServerPin
from apps.agents.models.server import McpServer, Transport
from apps.agents.models.session import Session
from apps.agents.models.signing_key import KeyState, SigningKey

__all__ = [
    "Agent",
    "AgentStatus",
    "EnrolmentToken",
    "KeyState",
    "McpServer",
    "PersonalAccessToken",
    "PinKind",
    "RiskTier",
    "ServerPin",
    "Session",
    "SigningKey",
    "Transport",
]
