"""REST doors of this room, under /api/v1/."""

from django.urls import path

from apps.policies.api import dlp, policies

urlpatterns = [
    path("policies", policies.PoliciesView.as_view(), name="policies"),
    path("policies/base", policies.BaseRulesView.as_view(), name="policies-base"),
    path("policies/<uuid:policy_id>", policies.PolicyView.as_view(), name="policy"),
    path("policies/<uuid:policy_id>/activate", policies.ActivateView.as_view(), name="policy-activate"),
    path("policies/<uuid:policy_id>/archive", policies.ArchiveView.as_view(), name="policy-archive"),
    path("policies/<uuid:policy_id>/test", policies.TestView.as_view(), name="policy-test"),
    path("policies/<uuid:policy_id>/versions", policies.VersionsView.as_view(), name="policy-versions"),
    path("dlp/patterns", dlp.PatternsView.as_view(), name="dlp-patterns"),
    path("dlp/patterns/<int:pattern_id>", dlp.PatternView.as_view(), name="dlp-pattern"),
    path("dlp/builtin/<str:name>", dlp.BuiltinView.as_view(), name="dlp-builtin"),
]
