# METADATA
# title: Agent state
# description: An agent that is not active does nothing, whatever it may hold.
# scope: package
package behavry.rules.agent_state

# METADATA
# title: The agent is suspended, revoked or deprovisioned, or its state is unknown
verdicts contains {
	"result": "deny",
	"reason": concat(" ", ["Agent is", _status]),
	"policy": "agent_state.not_active",
} if {
	_status != "active"
}

default _status := "of unknown status"

_status := input.agent.status
