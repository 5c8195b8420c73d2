package behavry.rules_test.agent_state

import data.behavry.rules.agent_state
import data.behavry.testing

test_success_active_agent if {
	count(_policies(testing.call({}))) == 0
}

test_fail_any_other_state if {
	every status in {"suspended", "revoked", "deprovisioned", "", "ACTIVE"} {
		"agent_state.not_active" in _policies(testing.call({"agent": {"status": status}}))
	}
}

test_fail_no_state_at_all if {
	"agent_state.not_active" in _policies(json.remove(testing.call({}), ["agent/status"]))
	"agent_state.not_active" in _policies(testing.call({"agent": null}))
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := agent_state.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
