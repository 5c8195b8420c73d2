# METADATA
# title: Business hours
# description: Outside of working hours (UTC), what changes something waits for a person.
# scope: package
package behavry.tenant.business_hours

# METADATA
# title: A change outside of working hours
verdicts contains {
	"result": "escalate",
	"reason": "Changes outside of working hours need a person",
	"policy": "after_hours",
} if {
	input.request.action in {"write", "delete", "execute", "send"}
	not _working
}

_working if {
	now := time.now_ns()
	time.weekday(now) in {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"}
	[hour, _, _] := time.clock(now)
	hour >= 8
	hour < 18
}
