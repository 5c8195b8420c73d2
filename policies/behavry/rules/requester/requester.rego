# METADATA
# title: Requester
# description: An agent of high or critical risk says for whom it acts, or a person decides.
# scope: package
package behavry.rules.requester

# METADATA
# title: A high or critical agent acts for nobody
# description: Opening a session touches nothing yet and is left alone.
verdicts contains {
	"result": "escalate",
	"reason": sprintf("An agent of %s risk must name its requester", [input.agent.risk_tier]),
	"policy": "requester.missing",
} if {
	input.agent.risk_tier in {"high", "critical"}
	input.request.action != "initialize"
	object.get(input, ["requester", "id"], "") in {"", null}
}
