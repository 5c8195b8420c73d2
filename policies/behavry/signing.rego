# METADATA
# title: Signing
# description: A tenant policy speaks under the name of its policy, so that none can speak under the name of another.
# scope: package
package behavry.signing

# METADATA
# title: A contribution as a verdict of its policy
# description: A verdict that cannot be understood may have meant to deny, so it does.
signed(slug, contribution) := {
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
