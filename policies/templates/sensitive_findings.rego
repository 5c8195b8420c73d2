# METADATA
# title: Sensitive findings
# description: What the scanner rated high, and let pass, is sent only after a person agreed.
# scope: package
package behavry.tenant.sensitive_findings

# METADATA
# title: Something sensitive is about to be sent
verdicts contains {
	"result": "escalate",
	"reason": sprintf("%s is about to be sent", [finding.pattern]),
	"policy": "sending",
} if {
	input.request.action == "send"
	some finding in input.dlp.findings
	finding.severity in {"high", "critical"}
}
