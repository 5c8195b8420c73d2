# METADATA
# title: Read-only roles
# description: Agents of these roles read and nothing else, whatever their permissions say.
# scope: package
package behavry.tenant.read_only_roles

_roles := {"reporter", "auditor"}

# METADATA
# title: A read-only agent tries to change something
verdicts contains {
	"result": "deny",
	"reason": sprintf("The role %s reads and nothing else", [role]),
	"policy": "not_a_read",
} if {
	some role in input.agent.roles
	role in _roles
	not input.request.action in {"read", "initialize"}
}
