-- Read with search_path empty: every name and definition comes out qualified, the same on any server.

-- name: pin_transaction
-- Sets, for one transaction, everything the text form of a value depends on; nothing ends it early but a table that
-- somebody has locked for longer than it may wait.
SELECT set_config(pinned.name, pinned.value, true)
FROM (VALUES
    ('search_path', ''), ('client_encoding', 'UTF8'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
    ('timezone', 'UTC'), ('extra_float_digits', '3'), ('bytea_output', 'hex'), ('lc_monetary', 'C'), ('xmloption', 'content'),
    ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on'), ('array_nulls', 'on'), ('transform_null_equals', 'off'),
    ('row_security', 'off'), ('synchronize_seqscans', 'off'), ('work_mem', '64MB'), ('lock_timeout', %(lock_wait)s),
    ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
    ('default_transaction_read_only', 'off')
) AS pinned (name, value)
JOIN pg_settings USING (name)

-- name: extension_members
-- Objects that CREATE EXTENSION makes by itself.
SELECT classid, objid FROM pg_depend WHERE deptype = 'e'

-- name: own_schemas
-- The schemas that are neither PostgreSQL's own nor an extension's.
SELECT oid, nspname FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND ('pg_namespace'::regclass, oid) NOT IN ({{extension_members}})

-- name: own_relations
-- Every relation in those schemas that no extension made.
SELECT c.*, s.nspname, format('%I.%I', s.nspname, c.relname) AS name
FROM pg_class c JOIN ({{own_schemas}}) s ON s.oid = c.relnamespace
WHERE ('pg_class'::regclass, c.oid) NOT IN ({{extension_members}})

-- name: tables
-- Every table with rows of its own (partitions, not what they are partitions of), its primary key and its size.
SELECT r.oid::bigint, r.nspname, r.relname, pg_table_size(r.oid),
    ARRAY(
        SELECT a.attname::text
        FROM pg_index i
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = r.oid AND i.indisprimary AND k.place <= i.indnkeyatts
        ORDER BY k.place
    )
FROM ({{own_relations}}) r
WHERE r.relkind = 'r'
ORDER BY r.nspname <> 'public', r.nspname COLLATE "C", r.relname COLLATE "C"

-- name: columns
-- The columns of these tables, in their order; whether a column's order depends on a collation comes last.
SELECT attrelid::bigint, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attcollation <> 0
FROM pg_attribute
WHERE attrelid = ANY(%(tables)s) AND attnum > 0 AND NOT attisdropped
ORDER BY attrelid, attnum

-- name: sequences
-- Every sequence, also those behind serial and identity columns.
SELECT r.nspname, r.relname FROM ({{own_relations}}) r
WHERE r.relkind = 'S' ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C"

-- name: definition_only
-- Relations whose rows live elsewhere or are computed again: their definition is saved, rows they have none.
SELECT CASE r.relkind WHEN 'f' THEN 'foreign table' ELSE 'materialized view' END, r.name
FROM ({{own_relations}}) r WHERE r.relkind IN ('f', 'm') ORDER BY 1, 2

-- name: refusals
-- What would make a backup less than whole for this role on this server: reason, object, remedy.
SELECT 'this role may not use the schema', quote_ident(s.nspname), format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, current_user)
FROM ({{own_schemas}}) s
WHERE NOT has_schema_privilege(s.oid, 'USAGE')
  AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = s.oid AND c.relkind IN ('r', 'S', 'p'))
UNION ALL
SELECT 'this role may not read the table', r.name, format('GRANT SELECT ON %s TO %I', r.name, current_user)
FROM ({{own_relations}}) r WHERE r.relkind IN ('r', 'p') AND NOT has_table_privilege(r.oid, 'SELECT')
UNION ALL
SELECT 'this role may not read the sequence', r.name, format('GRANT SELECT ON SEQUENCE %s TO %I', r.name, current_user)
FROM ({{own_relations}}) r
WHERE CASE r.relkind WHEN 'S' THEN NOT has_sequence_privilege(r.oid, 'SELECT') END
UNION ALL
SELECT 'row security hides rows from this role in the table', r.name, 'take the backup as the owner, or as a role with BYPASSRLS'
FROM ({{own_relations}}) r WHERE r.relkind IN ('r', 'p') AND row_security_active(r.oid)
UNION ALL
SELECT 'a standby cannot read the unlogged table', r.name, 'take the backup on the primary'
FROM ({{own_relations}}) r WHERE r.relkind = 'r' AND r.relpersistence = 'u' AND pg_is_in_recovery()
UNION ALL
SELECT 'large objects are not supported; the first is', (SELECT min(oid)::text FROM pg_largeobject_metadata), 'remove them with lo_unlink'
WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
UNION ALL
SELECT 'text of unknown encoding cannot be saved as JSON; the encoding is', 'SQL_ASCII', 'convert the database to UTF8'
WHERE current_setting('server_encoding') = 'SQL_ASCII'

-- name: extension_rows
-- Tables an extension made for rows of its users, with the condition that tells theirs from its own.
SELECT e.extname, n.nspname, c.relname, coalesce(e.extcondition[config.place], '')
FROM pg_extension e
CROSS JOIN unnest(e.extconfig) WITH ORDINALITY AS config (oid, place)
JOIN pg_class c ON c.oid = config.oid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace

-- name: facts
-- The server, the database's encoding and locale (whose columns differ between versions), and the snapshot's time.
SELECT current_setting('server_version'), current_setting('server_version_num')::int, pg_encoding_to_char(encoding),
    datcollate, datctype, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''), now() AT TIME ZONE 'UTC', pg_current_snapshot()::text
FROM pg_database d WHERE datname = current_database()

-- name: migrations
-- The applied migrations of Django, where it has its table.
SELECT app || '.' || name FROM public.django_migrations ORDER BY app, name

-- name: occupied
-- Whatever a person or an application has put into this database, tables first; empty means a restore may fill it.
SELECT kind, name FROM (
SELECT CASE r.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind, r.name
FROM ({{own_relations}}) r WHERE r.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')
UNION ALL
SELECT 'type', format('%I.%I', s.nspname, t.typname)
FROM pg_type t JOIN ({{own_schemas}}) s ON s.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r') AND ('pg_type'::regclass, t.oid) NOT IN ({{extension_members}})
UNION ALL
SELECT 'function', p.oid::regprocedure::text
FROM pg_proc p JOIN ({{own_schemas}}) s ON s.oid = p.pronamespace
WHERE ('pg_proc'::regclass, p.oid) NOT IN ({{extension_members}})
UNION ALL
SELECT 'schema', quote_ident(s.nspname) FROM ({{own_schemas}}) s WHERE s.nspname <> 'public'
) AS found ORDER BY kind <> 'table', name

-- name: named_as_scratch
-- The databases that bear a scratch database's name and that this role could drop.
SELECT datname::text FROM pg_database
WHERE starts_with(datname, %s) AND datallowconn AND pg_has_role(datdba, 'USAGE') ORDER BY datname

-- name: objects
-- Every object with its definition: the same list here and there means that the schema was restored exactly.
WITH relation AS ({{own_relations}})
SELECT 'schema' AS kind, quote_ident(s.nspname) AS name, '' AS definition FROM ({{own_schemas}}) s WHERE s.nspname <> 'public'
UNION ALL
SELECT 'extension', quote_ident(extname), '' FROM pg_extension
UNION ALL
SELECT 'table', r.name, concat_ws(' ', r.relkind, r.relpersistence, r.reloptions::text, r.relrowsecurity, r.relforcerowsecurity,
    r.relreplident, pg_get_expr(r.relpartbound, r.oid), CASE r.relkind WHEN 'p' THEN pg_get_partkeydef(r.oid) END)
FROM relation r WHERE r.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'column', format('%s.%I', r.name, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN 'NOT NULL' END, a.attidentity, a.attgenerated, a.attstorage,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END, pg_get_expr(d.adbin, d.adrelid))
FROM relation r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'f', 'c')
UNION ALL
SELECT 'constraint', format('%s.%I', coalesce(r.name, k.contypid::regtype::text), k.conname), pg_get_constraintdef(k.oid)
FROM pg_constraint k
LEFT JOIN relation r ON r.oid = k.conrelid
WHERE (r.oid IS NOT NULL OR k.contypid <> 0 AND k.connamespace IN (SELECT s.oid FROM ({{own_schemas}}) s)) AND k.contype <> 'n'
UNION ALL
SELECT 'index', index.name, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisclustered, i.indisreplident)
FROM pg_index i
JOIN relation r ON r.oid = i.indrelid
JOIN relation index ON index.oid = i.indexrelid
WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')
UNION ALL
SELECT 'sequence', r.name, concat_ws(' ', format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmax, q.seqmin,
    q.seqcache, q.seqcycle, (
        SELECT format('%s.%I', d.refobjid::regclass, a.attname)
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')
          AND d.refclassid = 'pg_class'::regclass
    ))
FROM relation r JOIN pg_sequence q ON q.seqrelid = r.oid
UNION ALL
SELECT CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, r.name,
    concat_ws(' ', r.reloptions::text, r.relispopulated, pg_get_viewdef(r.oid))
FROM relation r WHERE r.relkind IN ('v', 'm')
UNION ALL
SELECT 'rule', format('%s.%I', r.name, u.rulename), concat_ws(' ', u.ev_enabled, pg_get_ruledef(u.oid))
FROM relation r JOIN pg_rewrite u ON u.ev_class = r.oid AND u.rulename <> '_RETURN'
UNION ALL
SELECT 'trigger', format('%s.%I', r.name, g.tgname), concat_ws(' ', g.tgenabled, pg_get_triggerdef(g.oid))
FROM relation r JOIN pg_trigger g ON g.tgrelid = r.oid AND NOT g.tgisinternal
UNION ALL
SELECT 'policy', format('%s.%I', r.name, p.polname), concat_ws(' ', p.polcmd, p.polpermissive,
    ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE role::regrole::text END FROM unnest(p.polroles) role ORDER BY 1)::text,
    pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'function', p.oid::regprocedure::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE '' END
FROM pg_proc p JOIN ({{own_schemas}}) s ON s.oid = p.pronamespace
WHERE ('pg_proc'::regclass, p.oid) NOT IN ({{extension_members}})
UNION ALL
SELECT 'type', format('%I.%I', s.nspname, t.typname), concat_ws(' ', t.typtype,
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, t.typdefault,
    CASE WHEN t.typtype = 'e'
    THEN (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)::text END)
FROM pg_type t JOIN ({{own_schemas}}) s ON s.oid = t.typnamespace
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typrelid IN (SELECT r.oid FROM relation r WHERE r.relkind = 'c'))
  AND ('pg_type'::regclass, t.oid) NOT IN ({{extension_members}})
UNION ALL
SELECT 'statistics', format('%I.%I', s.nspname, x.stxname), pg_get_statisticsobjdef(x.oid)
FROM pg_statistic_ext x JOIN ({{own_schemas}}) s ON s.oid = x.stxnamespace
UNION ALL
SELECT 'event trigger', quote_ident(evtname), concat_ws(' ', evtevent, evtenabled, evttags::text, evtfoid::regprocedure::text)
FROM pg_event_trigger
UNION ALL
SELECT 'comment', CASE WHEN o.objsubid = 0 THEN r.name
    ELSE format('%s.%I', r.name, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum = o.objsubid)) END,
    o.description
FROM relation r JOIN pg_description o ON o.classoid = 'pg_class'::regclass AND o.objoid = r.oid
ORDER BY 1, 2
