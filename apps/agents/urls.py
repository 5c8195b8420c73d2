"""REST doors of this room, under /api/v1/."""

from django.urls import path

from apps.agents import views
from apps.agents.api import access_tokens, agents, enrolment, pins, servers, sessions, sign_in, signing_keys

urlpatterns = [
    path("auth/token", views.TokenView.as_view(), name="token"),
    path("auth/authorize", views.authorize, name="authorize"),
    path("auth/admin/login", sign_in.SignInView.as_view(), name="sign-in"),
    path("enroll", enrolment.EnrolView.as_view(), name="enrol"),
    path("enrolment-tokens", enrolment.EnrolmentTokensView.as_view(), name="enrolment-tokens"),
    path("enrolment-tokens/<uuid:token_id>", enrolment.EnrolmentTokenView.as_view(), name="enrolment-token"),
    path("agents", agents.AgentsView.as_view(), name="agents"),
    path("agents/<uuid:agent_id>", agents.AgentView.as_view(), name="agent"),
    path("agents/<uuid:agent_id>/suspend", agents.SuspendView.as_view(), name="agent-suspend"),
    path("agents/<uuid:agent_id>/resume", agents.ResumeView.as_view(), name="agent-resume"),
    path("agents/<uuid:agent_id>/revoke", agents.RevokeView.as_view(), name="agent-revoke"),
    path("agents/<uuid:agent_id>/deprovision", agents.DeprovisionView.as_view(), name="agent-deprovision"),
    path("agents/<uuid:agent_id>/rotate-secret", agents.RotateSecretView.as_view(), name="agent-rotate-secret"),
    path("sessions", sessions.SessionsView.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>", sessions.SessionView.as_view(), name="session"),
    path("sessions/<uuid:session_id>/events", sessions.SessionEventsView.as_view(), name="session-events"),
    path("sessions/<uuid:session_id>/revoke", sessions.RevokeSessionView.as_view(), name="session-revoke"),
    path("access-tokens", access_tokens.AccessTokensView.as_view(), name="access-tokens"),
    path("access-tokens/<uuid:token_id>", access_tokens.AccessTokenView.as_view(), name="access-token"),
    path("servers", servers.ServersView.as_view(), name="servers"),
    path("servers/<uuid:server_id>", servers.ServerView.as_view(), name="server"),
    path("servers/<uuid:server_id>/tools", pins.ToolsView.as_view(), name="server-tools"),
    path("servers/<uuid:server_id>/tools/approve", pins.ApproveToolsView.as_view(), name="server-tools-approve"),
    path("servers/<uuid:server_id>/tools/<uuid:pin_id>", pins.ToolView.as_view(), name="server-tool"),
    path(
        "servers/<uuid:server_id>/tools/<uuid:pin_id>/approve",
        pins.ApproveToolView.as_view(),
        name="server-tool-approve",
    ),
    path(
        "servers/<uuid:server_id>/tools/<uuid:pin_id>/reject", pins.RejectToolView.as_view(), name="server-tool-reject"
    ),
    path("signing-keys", signing_keys.SigningKeysView.as_view(), name="signing-keys"),
    path("signing-keys/rotate", signing_keys.RotateSigningKeyView.as_view(), name="signing-keys-rotate"),
]
