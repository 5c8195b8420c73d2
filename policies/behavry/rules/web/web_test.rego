package behavry.rules_test.web

import data.behavry.rules.web
import data.behavry.testing

_fetches(url) := testing.request("web", "read", "fetch", {"url": url})

test_success_public_addresses if {
	every url in {
		"https://example.com", "http://example.com:8080/a?b=c@d", "https://1.1.1.1/dns", "https://[2606:4700::1111]/",
		"https://172.15.0.1", "https://172.32.0.1", "https://local.example", "https://xn--bcher-kva.example/",
		"https://169.253.1.1/", "https://100.128.0.1/",
	} {
		count(_policies(_fetches(url))) == 0
	}
}

test_success_other_servers_are_none_of_its_business if {
	count(_policies(testing.request("database", "read", "query", {"url": "http://127.0.0.1"}))) == 0
}

test_success_prose_may_speak_of_addresses if {
	count(_policies(testing.request("web", "send", "post", {"url": "https://example.com", "body": "http://10.0.0.1"}))) == 0
}

test_fail_private_addresses if {
	every url in {
		"http://127.0.0.1", "http://10.1.2.3/x", "https://192.168.0.1:8443", "http://172.16.0.1", "http://172.31.9.9",
		"http://100.64.0.1", "http://0.0.0.0", "http://localhost:3000", "http://LOCALHOST.", "http://db.internal/",
		"http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://[fd00::1]/", "http://[fe80::1]/", "http://a@127.0.0.1/",
		"http:\\\\127.0.0.1\\x", "http://10.0.0.1.nip.io/", "http://224.0.0.1/", " http://127.0.0.1",
	} {
		"web.private_address" in _policies(_fetches(url))
	}
}

test_fail_metadata if {
	every url in {"http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/x", "http://100.100.100.200/"} {
		"web.metadata" in _policies(_fetches(url))
	}
}

test_fail_disguised_addresses if {
	every url in {
		"http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.0.0.1/",
		"http://１２７.0.0.1/", "http://exam%70le.com/",
	} {
		"web.disguised_address" in _policies(_fetches(url))
	}
}

test_fail_scheme if {
	every url in {"file:///etc/passwd", "gopher://x", "FTP://x", "javascript:alert(1)", "data:text/plain,x"} {
		"web.scheme" in _policies(_fetches(url))
	}
}

test_fail_credentials if {
	"web.credentials" in _policies(_fetches("https://user:pass@example.com/"))
	not "web.credentials" in _policies(_fetches("https://example.com/@user"))
}

test_fail_resource_and_nested_arguments if {
	by_resource := testing.call({"request": {"resource_kind": "web", "resource": "http://127.0.0.1"}})
	"web.private_address" in _policies(by_resource)
	nested := testing.request("generic", "read", "fetch_many", {"pages": [{"url": "https://a.example"}, {"url": "http://[::1]"}]})
	"web.private_address" in _policies(nested)
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := web.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
