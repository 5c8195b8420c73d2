# METADATA
# title: GitHub
# description: Protects what the other users of a repository rely on.
# scope: package
package behavry.rules.github

import data.behavry.words

_tool := lower(input.request.tool_name) if input.request.resource_kind == "github"

_protected_branch := `^(refs/heads/)?(main|master|trunk|production|release([/-].*)?)$`

# METADATA
# title: Deleting or giving away a repository
verdicts contains {
	"result": "deny",
	"reason": "Repositories are not deleted, transferred or made public by agents",
	"policy": "github.repository",
} if {
	input.request.resource_kind == "github"
	regex.match(`(delete|transfer|archive|publish)[-_. ]?(repo|repository|organi[sz]ation)`, _tool)
}

verdicts contains {
	"result": "deny",
	"reason": "Repositories are not deleted, transferred or made public by agents",
	"policy": "github.repository",
} if {
	input.request.resource_kind == "github"
	input.request.action != "read"
	regex.match(`update[-_. ]?(repo|repository)`, _tool)
	_made_public
}

_made_public if input.request.parameters.private == false

_made_public if lower(input.request.parameters.visibility) == "public"

# METADATA
# title: Rewriting or deleting a protected branch
verdicts contains {
	"result": "deny",
	"reason": "A protected branch is neither rewritten nor deleted",
	"policy": "github.protected_branch",
} if {
	input.request.resource_kind == "github"
	_destroys_history
	some branch in _branches
	regex.match(_protected_branch, branch)
}

# METADATA
# title: Writing directly to a protected branch
verdicts contains {
	"result": "escalate",
	"reason": "A change of a protected branch needs a person",
	"policy": "github.direct_push",
} if {
	input.request.resource_kind == "github"
	input.request.action == "write"
	regex.match(`(push|commit|create[-_. ]?or[-_. ]?update|update[-_. ]?(file|ref)|merge)`, _tool)
	some branch in _branches
	regex.match(_protected_branch, branch)
}

# METADATA
# title: Merging a pull request
verdicts contains {
	"result": "escalate",
	"reason": "Merging needs a person",
	"policy": "github.merge",
} if {
	input.request.resource_kind == "github"
	regex.match(`merge[-_. ]?(pull|pr\b|request)`, _tool)
}

# METADATA
# title: Changing who or what may act on a repository
verdicts contains {
	"result": "escalate",
	"reason": "Access, secrets and webhooks of a repository are changed by people",
	"policy": "github.access",
} if {
	input.request.resource_kind == "github"
	input.request.action != "read"
	regex.match(
		`(secret|deploy[-_. ]?key|collaborator|webhook|hook\b|branch[-_. ]?protection|ruleset|team|environment)`,
		_tool,
	)
}

# METADATA
# title: Changing what the repository's automation runs
verdicts contains {
	"result": "escalate",
	"reason": "A change of a workflow file needs a person",
	"policy": "github.workflow",
} if {
	input.request.resource_kind == "github"
	input.request.action != "read"
	some path in words.paths
	contains(concat("", ["/", path]), "/.github/workflows/")
}

# METADATA
# title: Committing a file that usually holds a secret
verdicts contains {
	"result": "deny",
	"reason": "A file that usually holds secrets does not go into a repository",
	"policy": "github.secret_file",
} if {
	input.request.resource_kind == "github"
	input.request.action != "read"
	some path in words.paths
	words.secret_file(path)
}

_branches contains lower(value) if {
	input.request.resource_kind == "github"
	some key in {"branch", "ref", "base", "base_branch", "target_branch", "name"}
	value := input.request.parameters[key]
	is_string(value)
}

_destroys_history if input.request.parameters.force == true

_destroys_history if regex.match(`(delete|remove)[-_. ]?(branch|ref)`, _tool)

_destroys_history if regex.match(`force[-_. ]?push`, _tool)
