package behavry.rules_test.permission_match

import data.behavry.rules.permission_match
import data.behavry.testing

_call(permissions, kind, action) := testing.call({
	"agent": {"permissions": permissions},
	"request": {"resource_kind": kind, "action": action},
})

test_success_exact_permission if {
	"permission_match.granted" in _policies(_call(["filesystem:read"], "filesystem", "read"))
}

test_success_either_side_may_be_a_star if {
	every permission in {"*:read", "filesystem:*", "*:*"} {
		"permission_match.granted" in _policies(_call([permission], "filesystem", "read"))
	}
}

test_success_session_with_any_permission_for_the_server if {
	"permission_match.session" in _policies(_call(["filesystem:read"], "filesystem", "initialize"))
}

test_fail_other_verb_or_resource if {
	every permission in {"filesystem:write", "database:read", "filesystem:rea", "file*:read", "filesystem", "filesystem:read:x", ":", ""} {
		count(_policies(_call([permission], "filesystem", "read"))) == 0
	}
}

test_fail_no_permissions if {
	count(_policies(_call([], "filesystem", "read"))) == 0
}

test_fail_session_with_permissions_for_another_server if {
	count(_policies(_call(["database:*"], "filesystem", "initialize"))) == 0
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := permission_match.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
