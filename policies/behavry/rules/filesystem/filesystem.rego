# METADATA
# title: Filesystem
# description: >-
#   Keeps file tools away from secrets, from the operating system and from everything outside the directories that
#   a tenant names. A tenant policy narrows the reach by stating `filesystem_roots contains "/srv/data"`.
# scope: package
package behavry.rules.filesystem

import data.behavry.words

# METADATA
# title: A path climbs out of where it starts
verdicts contains {
	"result": "deny",
	"reason": "The path climbs with '..'",
	"policy": "filesystem.traversal",
} if {
	input.request.resource_kind == "filesystem"
	some path in words.paths
	contains(path, "..")
	".." in split(path, "/")
}

# METADATA
# title: A path hides its end behind a NUL character
verdicts contains {
	"result": "deny",
	"reason": "The path contains a NUL character",
	"policy": "filesystem.nul",
} if {
	input.request.resource_kind == "filesystem"
	some path in words.paths
	contains(path, "\u0000")
}

# METADATA
# title: A file that usually holds a secret
verdicts contains {
	"result": "deny",
	"reason": "The path names a file that usually holds secrets",
	"policy": "filesystem.secrets",
} if {
	input.request.resource_kind == "filesystem"
	some path in words.paths
	words.secret_file(path)
}

# METADATA
# title: The operating system's own directories
verdicts contains {
	"result": "deny",
	"reason": sprintf("%s belongs to the operating system", [trim_suffix(directory, "/")]),
	"policy": "filesystem.system",
} if {
	input.request.resource_kind == "filesystem"
	strings.any_prefix_match(words.slashed, _system)
	some directory in _system
	strings.any_prefix_match(words.slashed, directory)
}

# METADATA
# title: Changing installed programs
verdicts contains {
	"result": "deny",
	"reason": sprintf("%s may be read, not changed", [trim_suffix(directory, "/")]),
	"policy": "filesystem.programs",
} if {
	input.request.resource_kind == "filesystem"
	input.request.action != "read"
	strings.any_prefix_match(words.slashed, _programs)
	some directory in _programs
	strings.any_prefix_match(words.slashed, directory)
}

# METADATA
# title: Outside the directories that the tenant allows
verdicts contains {
	"result": "deny",
	"reason": "The path is outside the allowed directories",
	"policy": "filesystem.roots",
} if {
	input.request.resource_kind == "filesystem"
	count(_roots) > 0
	some path in words.paths
	_absolute(path)
	not _allowed(path)
}

# METADATA
# title: Deleting a whole tree from its root
verdicts contains {
	"result": "deny",
	"reason": "The path is the root of everything",
	"policy": "filesystem.root_deletion",
} if {
	input.request.resource_kind == "filesystem"
	input.request.action == "delete"
	some path in words.paths
	path in {"/", "/*", "~", "~/", "~/*", ".", "./", "*", "c:/", "c:/*"}
}

# METADATA
# title: Deleting many files at once
verdicts contains {
	"result": "escalate",
	"reason": sprintf("Deleting %d files at once needs a person", [input.request.resource_count]),
	"policy": "filesystem.mass_deletion",
} if {
	input.request.resource_kind == "filesystem"
	input.request.action == "delete"
	input.request.resource_count > 20
}

_system := {"/etc/", "/proc/", "/sys/", "/dev/", "/boot/", "/root/", "/var/run/", "c:/windows/"}

_programs := {"/bin/", "/sbin/", "/lib/", "/lib64/", "/usr/", "/opt/", "/var/lib/", "c:/program files/"}

_roots contains words.plain_path(root) if {
	input.request.resource_kind == "filesystem"
	some root in data.behavry.contributions.filesystem_roots
}

_absolute(path) if startswith(path, "/")

_absolute(path) if startswith(path, "~")

_absolute(path) if regex.match(`^[a-z]:/`, path)

_allowed(path) if {
	some root in _roots
	words.within(path, root)
}
