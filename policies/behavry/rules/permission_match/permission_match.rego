# METADATA
# title: Permission match
# description: >-
#   The only base rule that allows: the call's `resource:verb` is among the agent's permissions, either side of
#   which may be `*`.
# scope: package
package behavry.rules.permission_match

# METADATA
# title: The agent holds a permission for this call
verdicts contains {
	"result": "allow",
	"reason": sprintf("Permitted by %s", [permission]),
	"policy": "permission_match.granted",
} if {
	some permission in input.agent.permissions
	[resource, verb] := split(permission, ":")
	resource in {"*", input.request.resource_kind}
	verb in {"*", input.request.action}
}

# METADATA
# title: Whoever may do anything with a server may also open a session with it
verdicts contains {
	"result": "allow",
	"reason": sprintf("A session may be opened by a holder of %s", [permission]),
	"policy": "permission_match.session",
} if {
	input.request.action == "initialize"
	some permission in input.agent.permissions
	[resource, _] := split(permission, ":")
	resource in {"*", input.request.resource_kind}
}
