"""What answers on the operator's host, which belongs to no tenant."""

from django.urls import include, path
from django.views.generic import RedirectView

from apps.tenants.sites import operator_site
from behavry import health

handler400 = "behavry.errors.bad_request"
handler403 = "behavry.errors.forbidden"
handler404 = "behavry.errors.not_found"
handler500 = "behavry.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="start"),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg"), name="favicon"),
    path("admin/", operator_site.urls),
    path("api/v1/", include("apps.exceptions.urls_operator")),
    path("health", health.alive, name="health"),
    path("health/ready", health.ready, name="ready"),
]
