# METADATA
# title: The decision
# description: >-
#   Collects what every rule and every tenant policy says about one call and answers with the strongest:
#   deny before escalate before allow. Silence is a denial. Adding a rule changes nothing here.
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
decision := _strongest("deny") if {
	_said("deny")
} else := _strongest("escalate") if {
	_said("escalate")
} else := _strongest("allow") if {
	_said("allow")
}

# METADATA
# title: What the base rules say
verdicts contains verdict if {
	some verdict in data.behavry.rules[_].verdicts
}

# METADATA
# title: What the tenant's own policies say
# description: Each is signed with the name of its policy, so that none can speak under the name of another.
verdicts contains verdict if {
	some slug
	some contribution in data.behavry.tenant[slug].verdicts
	verdict := _signed(slug, contribution)
}

_said(result) if {
	some verdict in verdicts
	verdict.result == result
}

_strongest(result) := object.union(first, {"verdicts": verdicts}) if {
	first := min({verdict | some verdict in verdicts; verdict.result == result})
}

# A verdict that cannot be understood may have meant to deny, so it does.
_signed(slug, contribution) := {
	"result": contribution.result,
	"reason": contribution.reason,
	"policy": concat(".", ["tenant", slug, contribution.policy]),
} if {
	contribution.result in {"allow", "deny", "escalate"}
	is_string(contribution.reason)
	is_string(contribution.policy)
} else := {
	"result": "deny",
	"reason": "A tenant policy returned a verdict that is not {result, reason, policy}",
	"policy": concat(".", ["tenant", slug, "malformed"]),
}
