"""This room in the tenant's admin: who calls, and what is called."""

from apps.agents.admin.identities import (
    AccessTokenAdmin,
    AgentAdmin,
    EnrolmentTokenAdmin,
    McpServerAdmin,
    SessionAdmin,
    SigningKeyAdmin,
)
from apps.agents.admin.pins import PinAdmin
from apps.agents.models import (
    Agent,
    EnrolmentToken,
    McpServer,
    PersonalAccessToken,
    ServerPin,
    Session,
    SigningKey,
)
from apps.tenants.sites import tenant_site

tenant_site.register(Agent, AgentAdmin)
tenant_site.register(Session, SessionAdmin)
tenant_site.register(SigningKey, SigningKeyAdmin)
tenant_site.register(EnrolmentToken, EnrolmentTokenAdmin)
tenant_site.register(PersonalAccessToken, AccessTokenAdmin)
tenant_site.register(McpServer, McpServerAdmin)
tenant_site.register(ServerPin, PinAdmin)
