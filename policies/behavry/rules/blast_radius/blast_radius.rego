# METADATA
# title: Blast radius
# description: >-
#   How far one call may reach: the same limits as the gateway's own screen, stated once more, so that a call that came
#   another way is held as well. It reads what the gateway read out of the arguments (`input.request.reach`) and the
#   tenant's limits (`input.context.blast_radius`); a call without a reach that can be read needs a person.
# scope: package
package behavry.rules.blast_radius

# METADATA
# title: Deleting too close to a root
# description: No exception loosens this. What cannot be read as a whole is not deleted.
verdicts contains {
	"result": "deny",
	"reason": "A deletion must name a path deep enough, counted from its root",
	"policy": "blast_radius.shallow_delete",
} if {
	_shallow
}

# METADATA
# title: Arguments that nobody can read
verdicts contains {
	"result": "escalate",
	"reason": "The arguments cannot be read as a whole",
	"policy": "blast_radius.unreadable",
} if {
	not _read
}

# METADATA
# title: A deletion of files that names none
verdicts contains {
	"result": "escalate",
	"reason": "A deletion of files names no path",
	"policy": "blast_radius.unreadable",
} if {
	input.request.action == "delete"
	input.request.method == "tools/call"
	input.request.resource_kind in {"filesystem", "files", "file", "fs"}
	count(input.request.reach.paths) == 0
}

# METADATA
# title: Many recipients
verdicts contains {
	"result": "escalate",
	"reason": "So many recipients need a person",
	"policy": "blast_radius.recipients",
} if {
	input.request.reach.recipients > _recipient_limit
}

# METADATA
# title: Many things at once
verdicts contains {
	"result": "escalate",
	"reason": "So many things at once need a person",
	"policy": "blast_radius.bulk",
} if {
	input.request.reach.items > _threshold
}

# METADATA
# title: A change below a configuration directory
verdicts contains {
	"result": "escalate",
	"reason": "A change below a configuration directory needs a person",
	"policy": "blast_radius.config_path",
} if {
	input.request.action != "read"
	some path in input.request.reach.paths
	_configures(path)
}

# METADATA
# title: A protected file
verdicts contains {
	"result": "escalate",
	"reason": "A file of this name is protected, so it needs a person",
	"policy": "blast_radius.protected_file",
} if {
	some name in input.request.reach.names
	_protected(name)
}

_read if {
	input.request.reach.unread == false
	is_array(input.request.reach.paths)
	is_array(input.request.reach.names)
	is_array(input.request.reach.deletes)
	is_number(input.request.reach.recipients)
	is_number(input.request.reach.items)
}

_shallow if {
	input.request.action == "delete"
	input.request.reach.unread == true
}

_shallow if {
	input.request.action == "delete"
	some path in input.request.reach.paths
	_depth(path) < _least
}

_shallow if {
	some path in input.request.reach.deletes
	_depth(path) < _least
}

# The root of a drive (`c:`) or a share is none of the parts, nor is one that a wildcard stands in.
_depth(path) := count([part | some part in split(regex.replace(path, `^[^/]*:(/|$)`, "$1"), "/"); _counts(part)])

_counts(part) if {
	not part in {"", "."}
	not contains(part, "*")
}

_configures(path) if _below(path)

_configures(path) if {
	from_home := regex.replace(path, `^(?:/root|/home/[^/]+|/users/[^/]+|/var/root|[a-z]:/users/[^/]+)(/|$)`, "~$1")
	from_home != path
	_below(from_home)
}

_below(path) if {
	not contains(path, "*")
	strings.any_prefix_match(concat("", [path, "/"]), _directories)
}

# A wildcard may stand for any of them that begins as the path does.
_below(path) if {
	contains(path, "*")
	start := split(path, "*")[0]
	start != ""
	some directory in _directories
	_alike(start, directory)
}

_alike(start, directory) if startswith(directory, start)

_alike(start, directory) if startswith(start, directory)

_protected(name) if name in _names

_protected(name) if {
	contains(name, "*")
	[start, end] := split(name, "*")
	some one in _names
	_between(start, end, one)
}

_between(start, _, one) if {
	start != ""
	startswith(one, start)
}

_between(_, end, one) if {
	end != ""
	endswith(one, end)
}

default _least := 3

_least := input.context.blast_radius.min_delete_depth

default _recipient_limit := 10

_recipient_limit := input.context.blast_radius.email_recipient_limit

default _threshold := 50

_threshold := input.context.blast_radius.bulk_action_threshold

# In lower case, as reaches are, and each with a slash at its end.
default _directories := ["/etc/", "/root/", "~/.ssh/", "~/.aws/", "~/.config/"]

_directories := input.context.blast_radius.config_paths

default _names := ["memory", "soul", "identity", ".env"]

_names := input.context.blast_radius.protected_names
