package behavry.rules_test.blast_radius

import data.behavry.rules.blast_radius
import data.behavry.testing

_nothing := {"paths": [], "names": [], "deletes": [], "recipients": 0, "items": 1, "unread": false}

_reaches(action, reach) := testing.call({"request": {
	"resource_kind": "filesystem",
	"action": action,
	"reach": object.union(_nothing, reach),
}})

test_success_nothing_reached if {
	every action in {"read", "write", "send", "execute", "initialize"} {
		count(_policies(_reaches(action, {}))) == 0
	}
}

test_success_deep_deletions if {
	every path in {"/srv/data/x", "~/projects/x", "c:/work/site/x", "unc:files:team:/a/b/c", "a/b/c", "/srv/data/*/x"} {
		count(_policies(_reaches("delete", {"paths": [path]}))) == 0
	}
}

test_fail_shallow_deletions if {
	every path in {
		"/", "/srv", "/srv/data", "~", "~/x", "c:/", "c:/users/x", "unc:files:team:/a/b", ".", "a/b", "/srv/data/*",
		"/*/*/*", "/**/x/y",
	} {
		"blast_radius.shallow_delete" in _policies(_reaches("delete", {"paths": ["/srv/data/x", path]}))
	}
}

test_fail_deletions_by_another_name if {
	"blast_radius.shallow_delete" in _policies(_reaches("execute", {"paths": ["/srv"], "deletes": ["/srv"]}))
	not "blast_radius.shallow_delete" in _policies(_reaches("execute", {"paths": ["/srv"]}))
}

test_fail_what_cannot_be_read if {
	_policies(_reaches("read", {"unread": true})) == {"blast_radius.unreadable"}
	"blast_radius.shallow_delete" in _policies(_reaches("delete", {"paths": ["/a/b/c"], "unread": true}))
	_policies(_reaches("delete", {})) == {"blast_radius.unreadable"}
}

test_fail_no_reach_at_all if {
	without := json.remove(testing.call({}), ["request/reach"])
	_policies(without) == {"blast_radius.unreadable"}
	every wrong in [null, [], {}, "x", {"paths": "x", "names": [], "deletes": [], "recipients": 0, "items": 1, "unread": false}] {
		"blast_radius.unreadable" in _policies(json.patch(testing.call({}), [{"op": "replace", "path": "/request/reach", "value": wrong}]))
	}
}

test_fail_many_recipients if {
	_policies(_reaches("send", {"recipients": 11})) == {"blast_radius.recipients"}
	count(_policies(_reaches("send", {"recipients": 10}))) == 0
}

test_fail_many_things if {
	_policies(_reaches("write", {"items": 51})) == {"blast_radius.bulk"}
	count(_policies(_reaches("write", {"items": 50}))) == 0
}

test_fail_configuration if {
	every path in {
		"/etc", "/etc/hosts", "/root/x", "~/.ssh/x", "/home/ada/.aws/x", "/users/ada/.config/x", "c:/users/ada/.ssh/x",
		"/e*/hosts", "/home/*/.ssh/x", "/etc/*",
	} {
		_policies(_reaches("write", {"paths": [path]})) == {"blast_radius.config_path"}
	}
	every path in {"/etcetera/x", "/srv/etc/x", "/home/ada/ssh/x", "*/x", "/srv/*"} {
		count(_policies(_reaches("write", {"paths": [path]}))) == 0
	}
}

test_success_reading_configuration if {
	count(_policies(_reaches("read", {"paths": ["/etc/hosts"]}))) == 0
}

test_fail_protected_names if {
	every name in {"memory", "soul", "identity", ".env", "mem*", "*emory", ".e*"} {
		_policies(_reaches("read", {"names": ["x", name]})) == {"blast_radius.protected_file"}
	}
	every name in {"memory_usage", "souls", "env", "*", "*.md", "x*"} {
		count(_policies(_reaches("read", {"names": [name]}))) == 0
	}
}

test_limits_of_the_tenant if {
	limits := {
		"min_delete_depth": 1,
		"email_recipient_limit": 1,
		"bulk_action_threshold": 2,
		"config_paths": ["/opt/app/"],
		"protected_names": ["ledger"],
	}
	call := object.union(
		_reaches("delete", {"paths": ["/opt/app/x"], "names": ["ledger"], "recipients": 2, "items": 3}),
		{"context": {"blast_radius": limits}},
	)
	_policies(call) == {
		"blast_radius.recipients", "blast_radius.bulk", "blast_radius.config_path", "blast_radius.protected_file",
	}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := blast_radius.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.context as call.context
		with input.requester as call.requester
}
