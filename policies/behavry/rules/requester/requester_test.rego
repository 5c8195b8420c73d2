package behavry.rules_test.requester

import data.behavry.rules.requester
import data.behavry.testing

_call(tier, action, requester) := testing.call({
	"agent": {"risk_tier": tier},
	"request": {"action": action},
	"requester": {"id": requester},
})

test_success_named_requester if {
	every tier in {"high", "critical"} {
		count(_policies(_call(tier, "read", "ada"))) == 0
	}
}

test_success_low_and_medium_agents_need_none if {
	every tier in {"low", "medium"} {
		count(_policies(_call(tier, "delete", ""))) == 0
	}
}

test_success_opening_a_session if {
	count(_policies(_call("critical", "initialize", ""))) == 0
}

test_fail_no_requester if {
	every tier in {"high", "critical"} {
		"requester.missing" in _policies(_call(tier, "read", ""))
		"requester.missing" in _policies(_call(tier, "read", null))
		"requester.missing" in _policies(object.union(_call(tier, "read", ""), {"requester": null}))
	}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := requester.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
