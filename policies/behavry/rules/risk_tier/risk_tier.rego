# METADATA
# title: Risk tier
# description: The riskier the agent, the sooner a person looks at what it is about to destroy.
# scope: package
package behavry.rules.risk_tier

# METADATA
# title: The tier is not one that is known
verdicts contains {
	"result": "deny",
	"reason": "Agent has no known risk tier",
	"policy": "risk_tier.unknown",
} if {
	not _known
}

# METADATA
# title: A high or critical agent is about to delete
verdicts contains {
	"result": "escalate",
	"reason": sprintf("Deletion by an agent of %s risk needs a person", [input.agent.risk_tier]),
	"policy": "risk_tier.deletion",
} if {
	input.agent.risk_tier in {"high", "critical"}
	input.request.action == "delete"
}

# METADATA
# title: A critical agent is about to execute something
verdicts contains {
	"result": "escalate",
	"reason": "Execution by an agent of critical risk needs a person",
	"policy": "risk_tier.execution",
} if {
	input.agent.risk_tier == "critical"
	input.request.action == "execute"
}

# METADATA
# title: A critical agent is about to delete many things at once
verdicts contains {
	"result": "deny",
	"reason": sprintf("An agent of critical risk may not delete %d resources at once", [input.request.resource_count]),
	"policy": "risk_tier.mass_deletion",
} if {
	input.agent.risk_tier == "critical"
	input.request.action == "delete"
	input.request.resource_count > 10
}

_known if input.agent.risk_tier in {"low", "medium", "high", "critical"}
