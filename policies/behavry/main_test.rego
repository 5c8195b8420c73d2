package behavry.authz_test

import data.behavry.authz
import data.behavry.testing

_decision(call) := _with_tenant(call, {})

_with_tenant(call, tenant) := decision if {
	decision := authz.decision with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester with data.behavry.tenant as tenant
}

_says(result) := {"result": result, "reason": "Because", "policy": result}

test_allows_what_is_permitted if {
	decision := _decision(testing.call({}))
	decision.result == "allow"
	decision.policy == "permission_match.granted"
	decision.reason == "Permitted by generic:read"
	count(decision.verdicts) == 1
}

test_denies_what_nobody_speaks_about if {
	decision := _decision(testing.call({"request": {"action": "write"}}))
	decision.result == "deny"
	decision.policy == "default"
	count(decision.verdicts) == 0
}

test_denies_an_empty_document if {
	_decision({"agent": {}, "request": {}, "requester": {}}).result == "deny"
	_decision({"agent": null, "request": [], "requester": ""}).result == "deny"
}

test_deny_beats_escalate_beats_allow if {
	tenant := {"x": {"verdicts": [_says("escalate")]}}
	_with_tenant(testing.call({}), tenant).result == "escalate"
	both := {"x": {"verdicts": [_says("escalate")]}, "y": {"verdicts": [_says("deny"), _says("allow")]}}
	decision := _with_tenant(testing.call({}), both)
	decision.result == "deny"
	decision.policy == "tenant.y.deny"
	count(decision.verdicts) == 4
}

test_tenant_may_allow if {
	decision := _with_tenant(testing.call({"request": {"action": "write"}}), {"x": {"verdicts": [_says("allow")]}})
	decision.result == "allow"
	decision.policy == "tenant.x.allow"
}

test_tenant_cannot_overrule_a_denial if {
	call := testing.call({"agent": {"status": "suspended"}})
	_with_tenant(call, {"x": {"verdicts": [_says("allow")]}}).result == "deny"
}

test_tenant_cannot_speak_under_another_name if {
	tenant := {"x": {"verdicts": [{"result": "deny", "reason": "r", "policy": "permission_match.granted"}]}}
	_with_tenant(testing.call({}), tenant).policy == "tenant.x.permission_match.granted"
}

test_first_of_equals_by_policy_id if {
	tenant := {"b": {"verdicts": [_says("deny")]}, "a": {"verdicts": [_says("deny")]}}
	_with_tenant(testing.call({}), tenant).policy == "tenant.a.deny"
}

test_malformed_verdicts_deny if {
	every verdict in [
		"deny", {"result": "deny"}, {"result": "Allow", "reason": "r", "policy": "p"},
		{"result": "allow", "reason": 1, "policy": "p"}, {"result": "allow", "reason": "r", "policy": null}, {}, null,
	] {
		decision := _with_tenant(testing.call({}), {"x": {"verdicts": [verdict]}})
		decision.result == "deny"
		decision.policy == "tenant.x.malformed"
	}
}
