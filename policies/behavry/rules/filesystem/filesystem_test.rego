package behavry.rules_test.filesystem

import data.behavry.rules.filesystem
import data.behavry.testing

_reads(path) := testing.request("filesystem", "read", "read_file", {"path": path})

_writes(path) := testing.request("filesystem", "write", "write_file", {"path": path, "content": "x"})

_deletes(path) := testing.request("filesystem", "delete", "remove", {"path": path})

test_success_ordinary_files if {
	every path in {"notes.txt", "/srv/data/report.csv", "src/main.py", "/home/ada/.env.example", "C:\\Users\\ada\\x.txt", "a..b/c"} {
		count(_policies(_reads(path))) == 0
		count(_policies(_writes(path))) == 0
	}
}

test_success_other_servers_are_none_of_its_business if {
	count(_policies(testing.request("generic", "read", "lookup", {"path": "/etc/shadow"}))) == 0
}

test_success_prose_may_speak_of_paths if {
	call := testing.request("filesystem", "write", "write_file", {"path": "a.md", "content": "see /etc/passwd"})
	count(_policies(call)) == 0
}

test_success_public_keys_and_installed_programs_may_be_read if {
	count(_policies(_reads("/home/ada/.ssh/id_ed25519.pub"))) == 0
	count(_policies(_reads("/usr/share/doc/readme"))) == 0
}

test_fail_traversal if {
	every path in {"../x", "/srv/../x", "a/b/..", "..\\x", "%2e%2e/x", "%2E%2E%2Fx", "a/%2e%2e/%zz", "file:///srv/../x"} {
		"filesystem.traversal" in _policies(_reads(path))
	}
}

test_fail_traversal_in_any_argument if {
	nested := {"files": [{"path": "a"}, {"target": "b/../../c"}]}
	"filesystem.traversal" in _policies(testing.request("filesystem", "read", "read_many", nested))
}

test_fail_traversal_in_the_resource if {
	call := testing.call({"request": {"resource_kind": "filesystem", "resource": "file:///a/../b"}})
	"filesystem.traversal" in _policies(call)
}

test_fail_nul if {
	"filesystem.nul" in _policies(_reads("a.txt\u0000.png"))
}

test_fail_secrets if {
	every path in {
		".env", "/srv/app/.env.production", "/home/ada/.ssh/id_rsa", "/home/ada/.aws/credentials", "tls/server.KEY",
		"/home/ada/.kube/config", "~/.netrc", "//srv//.git-credentials", "C:\\Users\\ada\\.ssh\\config",
		"/proc/self/environ", "/run/secrets/db", "%2f.env",
	} {
		"filesystem.secrets" in _policies(_reads(path))
	}
}

test_fail_operating_system if {
	every path in {"/etc", "/etc/passwd", "/./etc/hosts", "//etc//hosts", "/PROC/1/maps", "/dev/sda", "file:///etc/hosts", "C:\\Windows\\x"} {
		"filesystem.system" in _policies(_reads(path))
	}
	not "filesystem.system" in _policies(_reads("/etcetera/x"))
}

test_fail_changing_programs if {
	every path in {"/usr/bin/python", "/opt/x", "/lib/systemd/system/x.service"} {
		"filesystem.programs" in _policies(_writes(path))
	}
}

test_fail_deleting_everything if {
	every path in {"/", "/*", "~", ".", "*"} {
		"filesystem.root_deletion" in _policies(_deletes(path))
	}
	not "filesystem.root_deletion" in _policies(_deletes("/srv/data/x"))
}

test_fail_deleting_many if {
	call := testing.call({"request": {"resource_kind": "filesystem", "action": "delete", "resource_count": 21}})
	_policies(call) == {"filesystem.mass_deletion"}
}

test_fail_outside_the_roots_of_a_tenant if {
	every path in {"/srv/other/x", "/srv/database", "~/x", "c:/x"} {
		"filesystem.roots" in _rooted(_reads(path))
	}
}

test_success_inside_the_roots_of_a_tenant if {
	every path in {"/srv/data", "/srv/data/x", "/SRV/data/y", "relative/z"} {
		count(_rooted(_reads(path))) == 0
	}
}

_rooted(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := filesystem.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
		with data.behavry.contributions as {"filesystem_roots": ["/srv/data/"]}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := filesystem.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
