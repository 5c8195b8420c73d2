# METADATA
# title: Sources that are blocked
# description: >-
#   A call that names a blocked domain is denied, whatever else allows it: nothing is sent there and nothing is fetched.
#   The gateway reads the names out of the call and asks the tenant's source rules (`input.request.sources`); where a
#   tenant has none there is nothing to read, and nothing to say.
# scope: package
package behavry.rules.domain_trust

# METADATA
# title: A blocked domain
verdicts contains {
	"result": "deny",
	"reason": concat("", ["The call names ", _name(source), ", which is blocked"]),
	"policy": "domain_trust.blocked",
} if {
	some source in input.request.sources
	source.tier == "block"
}

# METADATA
# title: More addresses than are read
# description: Said only where a domain is blocked; it could be among those that nobody looked at.
verdicts contains {
	"result": "deny",
	"reason": "The call names more addresses than are read",
	"policy": "domain_trust.unread",
} if {
	some source in input.request.sources
	source.tier == "unread"
}

_name(source) := source.domain if {
	is_string(source.domain)
} else := "a source"
