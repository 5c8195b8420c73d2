package behavry.rules_test.domain_trust

import data.behavry.rules.domain_trust
import data.behavry.testing

_naming(sources) := testing.call({"request": {"sources": sources}})

test_success_no_source_rules if {
	count(_policies(testing.call({}))) == 0
}

test_success_nothing_blocked if {
	every tier in {"trusted", "untrusted", null} {
		count(_policies(_naming([{"domain": "docs.example.com", "tier": tier, "rule": ""}]))) == 0
	}
	count(_policies(_naming([]))) == 0
}

test_fail_blocked if {
	sources := [
		{"domain": "docs.example.com", "tier": "trusted", "rule": "1"},
		{"domain": "evil.example", "tier": "block", "rule": "2"},
	]
	_policies(_naming(sources)) == {"domain_trust.blocked"}
	verdicts := domain_trust.verdicts with input.request as _naming(sources).request
	some verdict in verdicts
	contains(verdict.reason, "evil.example")
}

test_fail_unread if {
	_policies(_naming([{"domain": "…", "tier": "unread", "rule": ""}])) == {"domain_trust.unread"}
}

test_success_what_is_no_list if {
	every wrong in [null, {}, "x", 1, [1, "x", null, {}]] {
		count(_policies(_naming(wrong))) == 0
	}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := domain_trust.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
