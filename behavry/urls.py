"""What answers on a tenant's host."""

from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from apps.tenants.sites import tenant_site
from behavry import health

handler400 = "behavry.errors.bad_request"
handler403 = "behavry.errors.forbidden"
handler404 = "behavry.errors.not_found"
handler500 = "behavry.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="start"),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg"), name="favicon"),
    path("admin/", tenant_site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("apps.audit.urls")),
    path("api/v1/", include("apps.agents.urls")),
    path("api/v1/", include("apps.policies.urls")),
    path("api/v1/", include("apps.exceptions.urls")),
    path("", include("apps.agents.urls_wellknown")),
    path("health", health.alive, name="health"),
    path("health/ready", health.ready, name="ready"),
]
