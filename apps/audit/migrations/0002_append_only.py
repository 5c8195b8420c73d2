"""The partitioned table, what refuses to change it, and the two functions that may make and drop its months.

There is no default partition: rows in one would keep their month from ever being made. Writers look at the head's
`partitions_until` under its lock and call `behavry_audit_prepare` when the month is not there yet. A new tenant's
schema is cloned with the bare parent; its first entry makes its months.
"""

from django.conf import settings
from django.db import migrations

TABLE = """
CREATE TABLE audit_entry (
    seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    previous_hash text NOT NULL,
    event_hash text NOT NULL,
    hash_version integer NOT NULL,
    id uuid NOT NULL,
    tenant text NOT NULL,
    kind text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    actor text NOT NULL,
    agent_id text NOT NULL,
    session_id text NOT NULL,
    requester_id text NOT NULL,
    requester_channel text NOT NULL,
    requester_verified boolean NOT NULL,
    instruction_hash text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    tool_name text NOT NULL,
    mcp_server text NOT NULL,
    method text NOT NULL,
    policy_result text NOT NULL,
    policy_id text NOT NULL,
    policy_reason text NOT NULL,
    stage text NOT NULL,
    rulebook_version bigint NOT NULL,
    behavioral_score numeric,
    dlp_findings json NOT NULL,
    dlp_action text NOT NULL,
    input_hash text NOT NULL,
    response_code bigint,
    latency_ms numeric,
    error text NOT NULL,
    workflow_session_id text NOT NULL,
    causal_depth bigint NOT NULL,
    parent_event_id uuid,
    delegation_chain json NOT NULL,
    payload text,
    extra json NOT NULL,
    PRIMARY KEY (seq, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_entry_id ON audit_entry (id);
CREATE INDEX audit_entry_agent ON audit_entry (agent_id, seq) WHERE agent_id <> '';
CREATE INDEX audit_entry_session ON audit_entry (session_id, seq) WHERE session_id <> '';
CREATE INDEX audit_entry_refused ON audit_entry (seq) WHERE policy_result IN ('deny', 'escalate');
CREATE INDEX audit_entry_rare_kind ON audit_entry (kind, seq)
    WHERE kind NOT IN ('call.decision', 'call.outcome', 'message.recorded');
CREATE INDEX audit_entry_timestamp ON audit_entry USING brin ("timestamp");

INSERT INTO audit_head (id, seq, event_hash, rulebook_version, recorded_at, partitions_until)
VALUES (1, 0, repeat('0', 64), 0, '2000-01-01T00:00:00Z', '2000-01-01T00:00:00Z');
"""

FUNCTIONS = """
CREATE OR REPLACE FUNCTION public.behavry_audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION public.behavry_audit_head_forward() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.seq < OLD.seq OR NEW.rulebook_version < OLD.rulebook_version OR NEW.recorded_at < OLD.recorded_at
       OR (NEW.seq = OLD.seq AND NEW.event_hash <> OLD.event_hash) OR NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'the head of the log only moves forward' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION public.behavry_audit_check_schema(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    IF name !~ '^t_[a-z0-9_]{1,60}$' OR NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = name AND c.relname = 'audit_entry' AND c.relkind = 'p'
    ) THEN
        RAISE EXCEPTION '% is not a tenant schema with a log', name USING ERRCODE = 'invalid_schema_name';
    END IF;
END $$;

-- Makes the partitions of this month and the next ones; says up to which time the log now has partitions.
CREATE OR REPLACE FUNCTION public.behavry_audit_prepare(name text, ahead integer) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    first_month timestamptz := date_trunc('month', clock_timestamp());
    month timestamptz;
    part text;
BEGIN
    PERFORM public.behavry_audit_check_schema(name);
    IF ahead IS NULL OR ahead NOT BETWEEN 0 AND 12 THEN
        RAISE EXCEPTION 'between 0 and 12 months ahead, not %', ahead;
    END IF;
    -- The head's lock keeps two processes from making the same month, and comes first, as in every append.
    EXECUTE format('SELECT FROM %I.audit_head WHERE id = 1 FOR UPDATE', name);
    FOR i IN 0 .. ahead LOOP
        month := first_month + make_interval(months => i);
        part := 'audit_entry_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass(format('%I.%I', name, part)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I.audit_entry INCLUDING ALL)', name, part, name);
        EXECUTE format('ALTER TABLE %I.audit_entry ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                       name, name, part, month, month + interval '1 month');
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION public.behavry_audit_refuse()', name, part);
        EXECUTE format('REVOKE ALL ON %I.%I FROM {app}', name, part);
        EXECUTE format('GRANT SELECT, INSERT ON %I.%I TO {app}', name, part);
    END LOOP;
    month := month + interval '1 month';
    EXECUTE format('UPDATE %I.audit_head SET partitions_until = greatest(partitions_until, $1)', name) USING month;
    RETURN month;
END $$;

-- Drops one month: only the oldest, only past the tenant's retention, only under an anchor that names its last entry.
CREATE OR REPLACE FUNCTION public.behavry_audit_drop_month(name text, month date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    part text := 'audit_entry_' || to_char(month, 'YYYY_MM');
    days integer;
    oldest text;
    last_seq bigint;
    last_hash text;
    entries bigint;
    anchored boolean;
BEGIN
    PERFORM public.behavry_audit_check_schema(name);
    IF month IS NULL OR month <> date_trunc('month', month)::date THEN
        RAISE EXCEPTION 'a month is named by its first day, not %', month;
    END IF;
    SELECT c.audit_retention_days INTO days FROM public.tenants_tenantconfig c
    JOIN public.tenants_tenant t ON t.id = c.tenant_id WHERE t.schema_name = behavry_audit_drop_month.name;
    IF days IS NULL OR (month + interval '1 month')::timestamptz > clock_timestamp() - make_interval(days => days) THEN
        RAISE EXCEPTION 'the month % of % is not past its retention', month, name;
    END IF;
    SELECT min(c.relname) INTO oldest FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('%I.audit_entry', name));
    IF oldest IS DISTINCT FROM part THEN
        RAISE EXCEPTION 'only the oldest month, %, can be dropped, not %', oldest, part;
    END IF;
    EXECUTE format('SELECT seq, event_hash FROM %I.%I ORDER BY seq DESC LIMIT 1', name, part) INTO last_seq, last_hash;
    EXECUTE format('SELECT count(*) FROM %I.%I', name, part) INTO entries;
    IF last_seq IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.audit_chain_anchor WHERE last_seq = $1 AND event_hash = $2)', name)
            INTO anchored USING last_seq, last_hash;
        IF NOT anchored THEN
            RAISE EXCEPTION 'no anchor names entry % of %', last_seq, name;
        END IF;
    END IF;
    EXECUTE format('DROP TABLE %I.%I', name, part);
    RETURN entries;
END $$;

REVOKE ALL ON FUNCTION public.behavry_audit_check_schema(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.behavry_audit_prepare(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.behavry_audit_drop_month(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.behavry_audit_prepare(text, integer) TO {app};
GRANT EXECUTE ON FUNCTION public.behavry_audit_drop_month(text, date) TO {app};

INSERT INTO public.behavry_table_grants (table_name, privileges) VALUES
    ('audit_entry', 'SELECT, INSERT'),
    ('audit_head', 'SELECT, UPDATE (seq, event_hash, rulebook_version, recorded_at)'),
    ('audit_chain_anchor', 'SELECT, INSERT'),
    ('audit_verification', 'SELECT, INSERT'),
    ('audit_set_aside', 'SELECT, INSERT'),
    ('audit_chain_break', 'SELECT, INSERT, UPDATE (last_seen_at, acknowledged_at, acknowledged_by, note)')
ON CONFLICT (table_name) DO UPDATE SET privileges = excluded.privileges;
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION public.behavry_audit_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION public.behavry_audit_refuse();
CREATE TRIGGER only_one BEFORE INSERT OR DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION public.behavry_audit_refuse();
CREATE TRIGGER forward BEFORE UPDATE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION public.behavry_audit_head_forward();
"""

BACKWARD = "DROP TABLE audit_entry; DROP TRIGGER only_one ON audit_head; DELETE FROM audit_head;"


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_log"), ("tenants", "0002_row_level_security")]
    operations = [
        migrations.RunSQL(TABLE, BACKWARD),
        migrations.RunSQL(FUNCTIONS.replace("{app}", settings.BEHAVRY_APP_ROLE), migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
