# METADATA
# title: Database
# description: >-
#   Reads SQL as far as it takes to see destruction, escape to the host and stolen credentials. Literals and comments
#   are taken out first; where dialects disagree about their ends, the statement is judged with them as well.
# scope: package
package behavry.rules.database

import data.behavry.words

# METADATA
# title: Dropping or truncating
verdicts contains {
	"result": "deny",
	"reason": "The statement destroys tables or schemas",
	"policy": "database.destruction",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(
		`\b(drop\s+(table|database|schema|view|materialized|index|column|constraint|role|user|function|trigger|owned)|truncate\b|alter\s+table\b[^;]*\bdrop\b)`,
		sql,
	)
}

# METADATA
# title: Deleting or updating every row
verdicts contains {
	"result": "deny",
	"reason": "The statement changes every row of a table",
	"policy": "database.every_row",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(`\b(delete\s+from|update\s+[^;]+\bset)\b`, sql)
	not regex.match(`\bwhere\b`, sql)
}

verdicts contains {
	"result": "deny",
	"reason": "The statement changes every row of a table",
	"policy": "database.every_row",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(`\b(delete\s+from|update\s+[^;]+\bset)\b`, sql)
	regex.match(`\bwhere\s+\(?\s*(true|1\s*=\s*1|not\s+false)\s*\)?\s*;?\s*$`, sql)
}

# METADATA
# title: A write behind a tool that reads
verdicts contains {
	"result": "deny",
	"reason": "A reading tool was given a statement that writes",
	"policy": "database.hidden_write",
} if {
	input.request.resource_kind == "database"
	input.request.action == "read"
	some sql in _statements
	regex.match(
		`(^|[();]|\banalyze\b)\s*(insert\s+into|update\s+[^;]+\bset|delete\s+from|merge\s+into|replace\s+into|create|alter|grant|revoke|call|do|copy|set\s+role|vacuum|reindex)\b`,
		sql,
	)
}

# METADATA
# title: Reaching from the database to its host
verdicts contains {
	"result": "deny",
	"reason": "The statement reaches for files or programs of the database host",
	"policy": "database.host_escape",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(
		`\b(xp_cmdshell|sp_oacreate|sp_configure|pg_read_(binary_)?file|pg_ls_dir|pg_write_file|lo_import|lo_export|load_file|load\s+data|into\s+(outfile|dumpfile)|dblink|utl_http|utl_file|load_extension|attach\s+database)\b|\bcopy\b.*\b(from|to)\s+program\b`,
		sql,
	)
}

# METADATA
# title: Reading stored credentials
verdicts contains {
	"result": "deny",
	"reason": "The statement reads the database's own credentials",
	"policy": "database.credentials",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(`\b(pg_shadow|pg_authid|mysql\s*\.\s*user|sys\s*\.\s*(sql_logins|user\$)|pg_user_mapping)\b`, sql)
}

# METADATA
# title: Changing who may do what
verdicts contains {
	"result": "escalate",
	"reason": "Grants and roles are changed by people",
	"policy": "database.grants",
} if {
	input.request.resource_kind == "database"
	some sql in _statements
	regex.match(`\b(grant|revoke)\b.*\b(to|from)\b|\b(create|alter)\s+(role|user|login)\b`, sql)
}

# METADATA
# title: A comment that some servers execute
verdicts contains {
	"result": "deny",
	"reason": "The statement hides code in an executable comment",
	"policy": "database.executable_comment",
} if {
	input.request.resource_kind == "database"
	some value in words.texts
	contains(value, "/*!")
}

# METADATA
# title: Deleting many rows at once
verdicts contains {
	"result": "escalate",
	"reason": sprintf("Deleting %d records at once needs a person", [input.request.resource_count]),
	"policy": "database.mass_deletion",
} if {
	input.request.resource_kind == "database"
	input.request.action == "delete"
	input.request.resource_count > 100
}

_statements contains statement if {
	input.request.resource_kind == "database"
	some value in words.texts
	some form in _forms(value)
	some statement in split(form, ";")
}

_forms(value) := {_bare(value)} if not _ambiguous(value)

_forms(value) := {_bare(value), lower(value)} if _ambiguous(value)

_bare(value) := regex.replace(
	lower(value),
	`'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/`,
	" ",
)

# Backslash escapes, `#` comments, nested comments, dollar quotes and bracketed names end a literal differently in
# different servers, and an attacker chooses the reading that suits.
_ambiguous(value) if regex.match(`\\|#|\[|\$[A-Za-z0-9_]*\$|/\*(.|\n)*/\*`, value)
