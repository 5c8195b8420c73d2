# METADATA
# title: Allowed tools
# description: A server whose tools are listed here answers to those and to no others.
# scope: package
package behavry.tenant.allowed_tools

_tools := {"files": {"read_file", "list_directory", "search_files"}}

# METADATA
# title: The tool is not on its server's list
verdicts contains {
	"result": "deny",
	"reason": sprintf("%s is not an allowed tool of %s", [input.request.tool_name, input.request.mcp_server]),
	"policy": "not_listed",
} if {
	input.request.method == "tools/call"
	listed := _tools[input.request.mcp_server]
	not input.request.tool_name in listed
}
