package behavry.rules_test.database

import data.behavry.rules.database
import data.behavry.testing

_reads(sql) := testing.request("database", "read", "query", {"sql": sql})

_writes(sql) := testing.request("database", "write", "execute", {"sql": sql})

test_success_ordinary_statements if {
	every sql in {
		"select * from orders where id = 1", "SELECT count(*) FROM users;", "select 'drop table x'",
		"select * from t -- drop table t", "select created_at, updated_at from t where note = 'it''s; delete from t'",
		"select \"drop\" from t", "explain select 1",
	} {
		count(_policies(_reads(sql))) == 0
	}
}

test_success_ordinary_writes if {
	every sql in {
		"insert into t values (1)", "update t set a = 1 where id = 2", "delete from t where id = 3",
		"create table t (id int)", "alter table t add column c int",
	} {
		count(_policies(_writes(sql))) == 0
	}
}

test_success_other_servers_are_none_of_its_business if {
	count(_policies(testing.request("generic", "read", "ask", {"sql": "drop table x"}))) == 0
}

test_fail_destruction if {
	every sql in {
		"drop table users", "DROP   DATABASE x", "select 1; drop\ntable x", "drop/* */table x", "truncate users",
		"alter table t drop column c", "select 'x'; DROP SCHEMA public cascade", "select \"a'b\"; drop table x; --'",
		"select $$'$$; drop table x; --'", "select '\\''; drop table x; -- '",
	} {
		"database.destruction" in _policies(_writes(sql))
	}
}

test_fail_destruction_in_any_argument if {
	"database.destruction" in _policies(testing.request("database", "write", "run", {"batch": [{"statement": "drop table x"}]}))
}

test_fail_every_row if {
	every sql in {
		"delete from t", "update t set a = 1", "delete from t where true", "delete from t where 1=1;",
		"select 1; delete from t", "delete from t -- where id = 1",
	} {
		"database.every_row" in _policies(_writes(sql))
	}
}

test_fail_hidden_write if {
	every sql in {
		"insert into t values (1)", "select 1; update t set a = 1 where id = 1", "explain analyze delete from t where id = 1",
		"with x as (delete from t where id = 1 returning *) select * from x", "create table t (id int)",
	} {
		"database.hidden_write" in _policies(_reads(sql))
	}
}

test_success_writes_through_a_writing_tool if {
	not "database.hidden_write" in _policies(_writes("select 1; update t set a = 1 where id = 1"))
}

test_fail_host_escape if {
	every sql in {
		"copy t from program 'id'", "select pg_read_file('x')", "select load_file('x')", "exec xp_cmdshell 'id'",
		"select 1 into outfile 'x'", "load data infile 'x' into table t", "select lo_export(1, 'x')",
	} {
		"database.host_escape" in _policies(_writes(sql))
	}
}

test_fail_credentials if {
	every sql in {"select * from pg_shadow", "select * from mysql.user", "select rolpassword from PG_AUTHID"} {
		"database.credentials" in _policies(_reads(sql))
	}
}

test_fail_grants if {
	every sql in {"grant all on t to bob", "create role bob", "alter user bob with superuser"} {
		"database.grants" in _policies(_writes(sql))
	}
}

test_fail_executable_comment if {
	"database.executable_comment" in _policies(_reads("select 1 /*!50000 union select 2 */"))
}

test_fail_deleting_many if {
	call := testing.call({"request": {"resource_kind": "database", "action": "delete", "resource_count": 101}})
	_policies(call) == {"database.mass_deletion"}
}

_policies(call) := {verdict.policy | some verdict in verdicts} if {
	verdicts := database.verdicts with input.agent as call.agent
		with input.request as call.request
		with input.requester as call.requester
}
