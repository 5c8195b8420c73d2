package behavry.authz_test

import data.behavry.authz
import data.behavry.testing

_decision(call) := _with(call, [])

_with(call, contributions) := decision if {
	decision := authz.decision with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
		with data.behavry.contributions as {"verdicts": contributions}
}

_says(result, policy) := {"result": result, "reason": "Because", "policy": policy}

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

test_reach_needs_a_person_but_gives_no_right if {
	far := {"paths": [], "names": [], "deletes": [], "recipients": 11, "items": 1, "unread": false}
	_decision(testing.call({"request": {"reach": far}})).policy == "blast_radius.recipients"
	unpermitted := _decision(testing.call({"request": {"action": "send", "reach": far}}))
	unpermitted.policy == "default"
}

test_a_shallow_deletion_is_denied_whoever_allows_it if {
	shallow := {"paths": ["/srv"], "names": [], "deletes": [], "recipients": 0, "items": 1, "unread": false}
	call := testing.call({"request": {"action": "delete", "reach": shallow}})
	_with(call, [_says("allow", "tenant.x.a")]).policy == "blast_radius.shallow_delete"
}

test_deny_beats_escalate_beats_allow if {
	unsure := [_says("escalate", "tenant.x.a")]
	_with(testing.call({}), unsure).result == "escalate"
	decision := _with(testing.call({}), array.concat(unsure, [_says("deny", "tenant.y.b"), _says("allow", "tenant.y.c")]))
	decision.result == "deny"
	decision.policy == "tenant.y.b"
	count(decision.verdicts) == 4
}

test_nobody_is_asked_about_what_nothing_allows if {
	call := testing.call({"agent": {"risk_tier": "critical"}, "request": {"action": "execute"}})
	decision := _decision(call)
	decision.result == "deny"
	decision.policy == "default"
	_with(call, [_says("allow", "tenant.x.a")]).result == "escalate"
}

test_tenant_may_leave_it_to_a_person if {
	call := testing.call({"request": {"action": "write"}})
	_with(call, [_says("escalate", "tenant.x.a")]).result == "escalate"
}

test_tenant_may_allow if {
	decision := _with(testing.call({"request": {"action": "write"}}), [_says("allow", "tenant.x.a")])
	decision.result == "allow"
	decision.policy == "tenant.x.a"
}

test_tenant_cannot_overrule_a_denial if {
	call := testing.call({"agent": {"status": "suspended"}})
	_with(call, [_says("allow", "tenant.x.a")]).result == "deny"
}

test_first_of_equals_by_policy_id if {
	_with(testing.call({}), [_says("deny", "tenant.b.x"), _says("deny", "tenant.a.x")]).policy == "tenant.a.x"
}
