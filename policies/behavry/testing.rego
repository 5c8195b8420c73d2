# METADATA
# title: Calls to test with
# description: Loaded with the tests only.
# scope: package
package behavry.testing

# METADATA
# title: An unremarkable call, changed as asked
# description: A change of `request.parameters` replaces them as a whole.
call(changes) := object.union(without, changes) if {
	changes.request.parameters
	without := json.remove(_call, ["request/parameters"])
} else := object.union(_call, changes)

# METADATA
# title: A call of one kind of server, with these arguments
request(kind, action, tool, parameters) := call({"request": {
	"resource_kind": kind,
	"action": action,
	"tool_name": tool,
	"parameters": parameters,
}})

_call := {
	"agent": {
		"id": "agent-1",
		"name": "Reporter",
		"status": "active",
		"roles": ["reporter"],
		"permissions": ["generic:read"],
		"risk_tier": "low",
	},
	"request": {
		"tool_name": "lookup",
		"action": "read",
		"resource": "",
		"resource_kind": "generic",
		"parameters": {},
		"mcp_server": "things",
		"method": "tools/call",
		"resource_count": 1,
		"reach": {"paths": [], "names": [], "deletes": [], "recipients": 0, "items": 1, "unread": false},
	},
	"context": {"session_id": "session-1"},
	"requester": {"id": "ada", "channel": "chat", "verified": false},
	"workflow_session": null,
	"delegation": null,
	"dlp": {"has_findings": false, "findings": []},
	"inbound": {"has_findings": false, "findings": []},
}
