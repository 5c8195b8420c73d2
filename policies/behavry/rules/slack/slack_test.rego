package behavry.rules_test.slack

import data.behavry.rules.slack
import data.behavry.testing

_sends(text) := testing.request("slack", "send", "post_message", {"channel": "C1", "text": text})

test_success_ordinary_messages if {
	every text in {"hello", "mail me at ada@here.example", "the channel is quiet", "<@U123> look"} {
		count(_policies(_sends(text))) == 0
	}
}

test_success_reading_about_channels if {
	count(_policies(testing.request("slack", "read", "list_channels", {"text": "@here"}))) == 0
}

test_success_other_servers_are_none_of_its_business if {
	count(_policies(testing.request("generic", "send", "kick_user", {"text": "@here"}))) == 0
}

test_fail_broadcast if {
	every text in {"<!channel> look", "hi @here", "@Everyone", "<!here|here>"} {
		"slack.broadcast" in _policies(_sends(text))
	}
}

test_fail_broadcast_in_blocks if {
	blocks := {"channel": "C1", "blocks": [{"type": "section", "text": {"text": "x <!everyone>"}}]}
	"slack.broadcast" in _policies(testing.request("slack", "send", "post_message", blocks))
}

test_fail_administration if {
	every tool in {"archive_channel", "kickUser", "conversations_archive", "invite_members", "admin.users.remove"} {
		"slack.administration" in _policies(testing.request("slack", "write", tool, {}))
	}
}

test_fail_mass_message if {
	call := testing.call({"request": {"resource_kind": "slack", "action": "send", "resource_count": 11}})
	_policies(call) == {"slack.mass_message"}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := slack.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
