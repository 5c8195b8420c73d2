package behavry.rules_test.github

import data.behavry.rules.github
import data.behavry.testing

_writes(tool, parameters) := testing.request("github", "write", tool, parameters)

test_success_reading if {
	every tool in {"get_file_contents", "list_branches", "search_repositories", "list_secrets"} {
		count(_policies(testing.request("github", "read", tool, {"branch": "main"}))) == 0
	}
}

test_success_work_on_a_branch if {
	count(_policies(_writes("push_files", {"branch": "feature/x", "files": [{"path": "a.py", "content": "main"}]}))) == 0
	count(_policies(_writes("create_issue", {"title": "main", "body": "merge it"}))) == 0
}

test_success_other_servers_are_none_of_its_business if {
	count(_policies(testing.request("generic", "delete", "delete_repository", {}))) == 0
}

test_fail_deleting_a_repository if {
	every tool in {"delete_repository", "deleteRepo", "transfer-repository", "archive_repo"} {
		"github.repository" in _policies(_writes(tool, {"repo": "x"}))
	}
}

test_fail_publishing_a_repository if {
	"github.repository" in _policies(_writes("update_repository", {"private": false}))
	"github.repository" in _policies(_writes("update_repository", {"visibility": "Public"}))
	not "github.repository" in _policies(_writes("update_repository", {"description": "x"}))
}

test_fail_rewriting_a_protected_branch if {
	every branch in {"main", "refs/heads/master", "release/1.2", "Production"} {
		"github.protected_branch" in _policies(_writes("update_ref", {"ref": branch, "force": true}))
		"github.protected_branch" in _policies(_writes("delete_branch", {"branch": branch}))
	}
	not "github.protected_branch" in _policies(_writes("delete_branch", {"branch": "feature/main"}))
}

test_fail_writing_to_a_protected_branch if {
	_policies(_writes("push_files", {"branch": "main"})) == {"github.direct_push"}
	_policies(_writes("create_or_update_file", {"branch": "release-2"})) == {"github.direct_push"}
}

test_fail_merging if {
	"github.merge" in _policies(_writes("merge_pull_request", {"pull_number": 1}))
}

test_fail_changing_access if {
	every tool in {"create_or_update_secret", "add_collaborator", "create_webhook", "create_deploy_key"} {
		"github.access" in _policies(_writes(tool, {}))
	}
}

test_fail_changing_a_workflow if {
	"github.workflow" in _policies(_writes("push_files", {"branch": "x", "files": [{"path": ".github/workflows/ci.yml"}]}))
}

test_fail_committing_a_secret if {
	"github.secret_file" in _policies(_writes("create_or_update_file", {"branch": "x", "path": "app/.env"}))
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := github.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
