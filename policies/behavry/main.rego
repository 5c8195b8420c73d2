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
decision := _strongest(verdicts)

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

_strongest(said) := _first(said, "deny") if {
	_contains(said, "deny")
} else := _first(said, "escalate") if {
	_contains(said, "escalate")
} else := _first(said, "allow") if {
	_contains(said, "allow")
}

_contains(said, result) if {
	some verdict in said
	verdict.result == result
}

_first(said, result) := object.union(first, {"verdicts": said}) if {
	first := min({verdict | some verdict in said; verdict.result == result})
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
