# METADATA
# title: The decision
# description: >-
#   Collects what every rule and every tenant policy says about one call and answers with the strongest:
#   deny before escalate before allow. Silence is a denial, and so is a base rule's escalation of what nothing allows.
# scope: package
# entrypoint: true
package behavry.authz

# METADATA
# title: Nothing matched
# description: A call that no policy speaks about is denied.
default decision := {
	"result": "deny",
	"reason": "No policy allows this call",
	"policy": "default",
	"verdicts": set(),
}

# METADATA
# title: The strongest verdict
# description: Among equals the first by policy id, then by reason, so that the same call always gets the same answer.
decision := _strongest(verdicts)

# METADATA
# title: What the base rules say
# description: >-
#   Named one by one, because looking through `data.behavry.rules` would compute every helper of every rule for every
#   call. A test sees to it that none is forgotten.
verdicts contains verdict if some verdict in data.behavry.rules.agent_state.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.blast_radius.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.database.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.domain_trust.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.filesystem.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.github.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.permission_match.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.requester.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.risk_tier.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.slack.verdicts

verdicts contains verdict if some verdict in data.behavry.rules.web.verdicts

# METADATA
# title: What the tenant's own policies say
# description: The package `behavry.contributions` is written when a rulebook is compiled, one line for each policy.
verdicts contains verdict if some verdict in data.behavry.contributions.verdicts

_strongest(said) := _first(said, "deny") if {
	_contains(said, "deny")
} else := _first(said, "escalate") if {
	_asks(said)
} else := _first(said, "allow") if {
	_contains(said, "allow")
} else := {"result": "deny", "reason": "No policy allows this call", "policy": "default", "verdicts": said} if {
	count(said) > 0
}

# A base rule's escalation is a condition on a permission: nobody is asked about what nothing allows. A tenant's policy
# may leave the whole decision to a person.
_asks(said) if {
	_contains(said, "escalate")
	_contains(said, "allow")
}

_asks(said) if {
	some verdict in said
	verdict.result == "escalate"
	startswith(verdict.policy, "tenant.")
}

_contains(said, result) if {
	some verdict in said
	verdict.result == result
}

_first(said, result) := object.union(first, {"verdicts": said}) if {
	first := min({verdict | some verdict in said; verdict.result == result})
}
