package behavry.rules_test.risk_tier

import data.behavry.rules.risk_tier
import data.behavry.testing

_call(tier, action, number) := testing.call({
	"agent": {"risk_tier": tier},
	"request": {"action": action, "resource_count": number},
})

test_success_low_and_medium_tiers_are_left_alone if {
	every pair in [["low", "read"], ["low", "delete"], ["low", "execute"], ["medium", "write"], ["medium", "delete"]] {
		count(_policies(_call(pair[0], pair[1], 1000))) == 0
	}
}

test_success_critical_agent_reads_and_writes if {
	every action in {"read", "write", "send", "initialize"} {
		count(_policies(_call("critical", action, 1000))) == 0
	}
}

test_fail_deletion_by_high_and_critical if {
	_policies(_call("high", "delete", 1000)) == {"risk_tier.deletion"}
	_policies(_call("critical", "delete", 1)) == {"risk_tier.deletion"}
}

test_fail_execution_by_critical if {
	_policies(_call("critical", "execute", 1)) == {"risk_tier.execution"}
	count(_policies(_call("high", "execute", 1))) == 0
}

test_fail_mass_deletion_by_critical if {
	"risk_tier.mass_deletion" in _policies(_call("critical", "delete", 11))
	not "risk_tier.mass_deletion" in _policies(_call("critical", "delete", 10))
}

test_fail_unknown_tier if {
	_policies(_call("", "read", 1)) == {"risk_tier.unknown"}
	_policies(testing.call({"agent": null})) == {"risk_tier.unknown"}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := risk_tier.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
