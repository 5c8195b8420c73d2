# METADATA
# title: Slack
# description: Keeps messages from reaching everybody at once, and channels and members from being changed unasked.
# scope: package
package behavry.rules.slack

import data.behavry.words

_tool := lower(input.request.tool_name) if input.request.resource_kind == "slack"

# METADATA
# title: A message that wakes everybody
verdicts contains {
	"result": "escalate",
	"reason": "A message to everybody needs a person",
	"policy": "slack.broadcast",
} if {
	input.request.resource_kind == "slack"
	input.request.action in {"send", "write"}
	some value in words.texts
	regex.match(`(<!(channel|here|everyone)[|>]|(^|\s)@(channel|here|everyone)\b)`, lower(value))
}

# METADATA
# title: Changing a channel or its members
verdicts contains {
	"result": "escalate",
	"reason": "Channels and members are changed by people",
	"policy": "slack.administration",
} if {
	input.request.resource_kind == "slack"
	input.request.action != "read"
	regex.match(
		`(archive|delete|rename|kick|remove|invite|promote|deactivate)[-_. ]?(users?|members?|channels?|conversations?|guests?)`,
		_tool,
	)
}

verdicts contains {
	"result": "escalate",
	"reason": "Channels and members are changed by people",
	"policy": "slack.administration",
} if {
	input.request.resource_kind == "slack"
	regex.match(
		`(users?|members?|channels?|conversations?)[-_. ]?(archive|delete|rename|kick|remove|invite)|\badmin[-_. ]`,
		_tool,
	)
}

# METADATA
# title: One message to many
verdicts contains {
	"result": "escalate",
	"reason": sprintf("A message to %d recipients needs a person", [input.request.resource_count]),
	"policy": "slack.mass_message",
} if {
	input.request.resource_kind == "slack"
	input.request.action == "send"
	input.request.resource_count > 10
}
