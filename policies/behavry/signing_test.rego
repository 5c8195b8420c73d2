package behavry.signing_test

import data.behavry.signing

test_success_verdict_speaks_under_the_name_of_its_policy if {
	said := {"result": "deny", "reason": "Because", "policy": "permission_match.granted"}
	verdict := signing.signed("late_hours", said)
	verdict == {"result": "deny", "reason": "Because", "policy": "tenant.late_hours.permission_match.granted"}
}

test_success_only_what_a_verdict_has_is_kept if {
	said := {"result": "allow", "reason": "Because", "policy": "p", "more": 1}
	verdict := signing.signed("x", said)
	object.keys(verdict) == {"result", "reason", "policy"}
}

test_fail_malformed_verdicts_deny if {
	every said in [
		"deny", {"result": "deny"}, {"result": "Allow", "reason": "r", "policy": "p"},
		{"result": "allow", "reason": 1, "policy": "p"}, {"result": "allow", "reason": "r", "policy": null}, {}, null,
	] {
		verdict := signing.signed("x", said)
		[verdict.result, verdict.policy] == ["deny", "tenant.x.malformed"]
	}
}
