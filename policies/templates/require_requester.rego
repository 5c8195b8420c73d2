# METADATA
# title: Somebody must have asked
# description: Agents of these tiers do nothing unless they say for whom. The built-in rule only asks a person.
# scope: package
package behavry.tenant.require_requester

_tiers := {"high", "critical"}

# METADATA
# title: A risky agent names nobody
verdicts contains {
	"result": "deny",
	"reason": sprintf("An agent of the tier %s must say for whom it acts", [input.agent.risk_tier]),
	"policy": "nobody_named",
} if {
	input.agent.risk_tier in _tiers
	input.requester.id == ""
	not input.request.action == "initialize"
}
