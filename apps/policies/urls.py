"""REST doors of this room, under /api/v1/."""

from django.urls import path

from apps.policies.api import (
    blast_radius,
    canaries,
    changes,
    comparisons,
    dlp,
    inbound,
    inbound_rules,
    policies,
    rate_limits,
    source_rules,
)

urlpatterns = [
    path("admin/blast-radius", blast_radius.BlastRadiusView.as_view(), name="blast-radius"),
    path("admin/inbound", inbound.InboundView.as_view(), name="inbound"),
    path("admin/rate-limits", rate_limits.RateLimitsView.as_view(), name="rate-limits"),
    path("policies", policies.PoliciesView.as_view(), name="policies"),
    path("policies/base", policies.BaseRulesView.as_view(), name="policies-base"),
    path("policies/settings", changes.ChangeSettingsView.as_view(), name="policies-settings"),
    path("policies/change-requests", changes.ChangesView.as_view(), name="policy-changes"),
    path("policies/change-requests/pending-count", changes.PendingView.as_view(), name="policy-changes-pending"),
    path("policies/change-requests/<uuid:change_id>", changes.ChangeView.as_view(), name="policy-change"),
    path(
        "policies/change-requests/<uuid:change_id>/approve", changes.ApproveView.as_view(), name="policy-change-approve"
    ),
    path("policies/change-requests/<uuid:change_id>/reject", changes.RejectView.as_view(), name="policy-change-reject"),
    path(
        "policies/change-requests/<uuid:change_id>/withdraw",
        changes.WithdrawView.as_view(),
        name="policy-change-withdraw",
    ),
    path("policies/change-requests/<uuid:change_id>/rebase", changes.RebaseView.as_view(), name="policy-change-rebase"),
    path(
        "policies/change-requests/<uuid:change_id>/replay",
        changes.ChangeReplayView.as_view(),
        name="policy-change-replay",
    ),
    path("policies/replays", comparisons.ReplaysView.as_view(), name="policy-replays"),
    path("policies/replays/<uuid:replay_id>", comparisons.ReplayView.as_view(), name="policy-replay"),
    path("policies/replays/<uuid:replay_id>/flips", comparisons.ReplayFlipsView.as_view(), name="policy-replay-flips"),
    path(
        "policies/replays/<uuid:replay_id>/cancel", comparisons.ReplayCancelView.as_view(), name="policy-replay-cancel"
    ),
    path("policies/<uuid:policy_id>", policies.PolicyView.as_view(), name="policy"),
    path("policies/<uuid:policy_id>/activate", policies.ActivateView.as_view(), name="policy-activate"),
    path("policies/<uuid:policy_id>/archive", policies.ArchiveView.as_view(), name="policy-archive"),
    path("policies/<uuid:policy_id>/test", policies.TestView.as_view(), name="policy-test"),
    path("policies/<uuid:policy_id>/replay", comparisons.PolicyReplayView.as_view(), name="policy-replay-version"),
    path("policies/<uuid:policy_id>/shadow", comparisons.ShadowView.as_view(), name="policy-shadow"),
    path("policies/<uuid:policy_id>/shadow/promote", changes.PromoteView.as_view(), name="policy-shadow-promote"),
    path("policies/<uuid:policy_id>/versions", policies.VersionsView.as_view(), name="policy-versions"),
    path("dlp/patterns", dlp.PatternsView.as_view(), name="dlp-patterns"),
    path("dlp/patterns/<int:pattern_id>", dlp.PatternView.as_view(), name="dlp-pattern"),
    path("dlp/builtin/<str:name>", dlp.BuiltinView.as_view(), name="dlp-builtin"),
    path("inbound-rules", inbound_rules.InboundRulesView.as_view(), name="inbound-rules"),
    path("inbound-rules/try", inbound_rules.TryView.as_view(), name="inbound-rules-try"),
    path("inbound-rules/<int:inbound_rule_id>", inbound_rules.InboundRuleView.as_view(), name="inbound-rule"),
    path("inbound-rules/builtin/<str:rule_name>", inbound_rules.BuiltinRuleView.as_view(), name="inbound-builtin"),
    path("canaries", canaries.CanariesView.as_view(), name="canaries"),
    path("canaries/<uuid:canary_id>", canaries.CanaryView.as_view(), name="canary"),
    path("source-rules", source_rules.SourceRulesView.as_view(), name="source-rules"),
    path("source-rules/try", source_rules.SourceTryView.as_view(), name="source-rules-try"),
    path("source-rules/<uuid:source_rule_id>", source_rules.SourceRuleView.as_view(), name="source-rule"),
]
