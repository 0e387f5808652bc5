-- What the preflight asks the database. Every block only reads, and takes no lock that a writer would wait for.

-- name: server
-- Who and what answers: version, database, role, encoding, whether it can be written to.
SELECT current_setting('server_version'), current_database(), current_user::text, current_setting('server_encoding'),
    pg_is_in_recovery(), current_schema()

-- name: backend
-- The server process of this statement: another one next time means that a pooler hands out connections.
SELECT pg_backend_pid()

-- name: privileges
-- Which of the privileges asked for, as (table, privilege) pairs, this role lacks on tables that exist; OWNERSHIP is one.
-- Whatever other table there is must be readable, since it is compared before and after.
WITH needed AS (
    SELECT c.oid, c.relowner, c.oid::regclass::text AS table_name, n.privilege, n.position
    FROM unnest(%(tables)s::text[], %(privileges)s::text[]) WITH ORDINALITY AS n (table_name, privilege, position)
        JOIN pg_class c ON c.oid = to_regclass(quote_ident(n.table_name))
    UNION ALL
    SELECT c.oid, c.relowner, c.oid::regclass::text, 'SELECT', 1000
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relname = ANY (%(tables)s) AND c.relname <> 'separation_environment'
        AND (c.relnamespace = current_schema()::regnamespace
             OR c.oid IN (SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass('users')))
)
SELECT table_name, privilege FROM needed
WHERE NOT CASE privilege WHEN 'OWNERSHIP' THEN pg_has_role(relowner, 'USAGE')
               ELSE has_table_privilege(oid, nullif(privilege, 'OWNERSHIP')) END
ORDER BY position, table_name

-- name: may_create
-- Whether this role may create tables in the schema.
SELECT has_schema_privilege(current_schema(), 'CREATE')

-- name: row_security
-- The tables of which this role sees only the rows that a policy shows.
SELECT c.relname FROM pg_class c
WHERE c.relname = ANY (%(tables)s) AND c.relnamespace = current_schema()::regnamespace AND row_security_active(c.oid)
ORDER BY c.relname

-- name: triggers
-- The triggers of others that would fire when customer_id is filled.
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relname IN ('reservations', 'orders') AND c.relnamespace = current_schema()::regnamespace
    AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 > 0 AND t.tgname !~ '^(zz_)?separation_'
    AND (t.tgattr::text = '' OR EXISTS (
        SELECT FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'customer_id' AND a.attnum = ANY (t.tgattr)))
ORDER BY 1, 2

-- name: subscriptions
-- What writes into this database without firing ordinary triggers: logical subscriptions, and roles whose sessions here
-- begin as a replica's.
SELECT 'subscription ' || s.subname
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()
UNION ALL
SELECT CASE r.setrole WHEN 0 THEN 'every role' ELSE 'role ' || r.setrole::regrole END
FROM pg_db_role_setting r
WHERE r.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
    AND 'session_replication_role=replica' = ANY (r.setconfig)
ORDER BY 1

-- name: users_sequence
-- The sequence of users.id, whether this role may read it, the highest id, and the lowest.
SELECT q.name, has_sequence_privilege(q.name, 'SELECT'), (SELECT max(id) FROM users), (SELECT min(id) FROM users)
FROM (SELECT pg_get_serial_sequence('users', 'id') AS name) q

-- name: stands_at
-- Where a sequence stands, if it was ever used; to ask pg_sequences would take a stronger lock.
SELECT CASE WHEN is_called THEN last_value END FROM {sequence}

-- name: counts
-- How many there are of everything the migration touches.
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM users WHERE is_customer),
    (SELECT count(*) FROM reservations), (SELECT count(*) FROM orders)

-- name: moved
-- How many customers of users are in customers too.
SELECT count(*) FROM users u JOIN customers c ON c.id = u.id WHERE u.is_customer

-- name: superadmins
-- How many may enter the admin and settle findings.
SELECT count(*) FROM users WHERE role = 'SUPERADMIN' AND NOT is_customer

-- name: outcomes
-- Of each outcome a customer can have, with and without a bcrypt password, how many there are, and the first five ids of
-- those who are not simply moved. Each customer is counted once, under the outcome that the migration gives.
WITH leaders (user_id) AS (
    SELECT user_id FROM restaurant_staff WHERE role IN ('MANAGER', 'OWNER')
    UNION SELECT user_id FROM recipes
    UNION SELECT user_id FROM menus
), customers_of_users AS (
    SELECT u.id, lower(btrim(u.email, E' \t\n\r\f\x0b')) AS key,
        btrim(u.email, E' \t\n\r\f\x0b') !~ '^[^@\s]+@[^@\s]+$' AS invalid,
        ({{readable}}) OR u.id = ANY (%(put_back)s::integer[]) AS bcrypt,
        u.role <> 'USER' OR l.user_id IS NOT NULL AS staff
    FROM users u LEFT JOIN leaders l ON l.user_id = u.id
    WHERE u.is_customer
), shared (key) AS (
    SELECT key FROM customers_of_users GROUP BY key HAVING count(*) > 1
), outcomes AS (
    SELECT c.id, coalesce(c.bcrypt, false) AS bcrypt,
        CASE WHEN c.staff THEN 'staff_marked_as_customer' WHEN c.invalid THEN 'invalid_email'
             WHEN s.key IS NOT NULL THEN 'duplicate_email' ELSE 'move' END AS outcome
    FROM customers_of_users c LEFT JOIN shared s ON s.key = c.key
)
SELECT outcome, bcrypt, count(*),
    coalesce((array_agg(id ORDER BY id) FILTER (WHERE outcome <> 'move' OR NOT bcrypt))[1:5], '{}')
FROM outcomes GROUP BY outcome, bcrypt

-- name: outcomes_adopted
-- The same where the engine's own tables are, by its own words: those whom staff have settled are 'settled'. Materialized,
-- since a planner that puts the words where they are used has everybody classified three times.
WITH classified AS MATERIALIZED (
    SELECT k.id, k.outcome, k.bcrypt OR k.forgotten OR k.id = ANY (%(put_back)s::integer[]) AS bcrypt
    FROM ({{classified_users}} WHERE u.is_customer) k
), outcomes AS (
    SELECT k.id, k.bcrypt, CASE WHEN f.id IS NOT NULL THEN 'settled' ELSE k.outcome END AS outcome
    FROM classified k
        LEFT JOIN separation_findings f
            ON f.table_name = 'users' AND f.row_id = k.id AND f.kind = k.outcome AND f.state = 'settled'
)
SELECT outcome, bcrypt, count(*),
    coalesce((array_agg(id ORDER BY id) FILTER (WHERE outcome <> 'move' OR NOT bcrypt))[1:5], '{}')
FROM outcomes GROUP BY outcome, bcrypt

-- name: orphans
-- The reservations, and the orders, of users who do not exist.
SELECT 'reservations', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM reservations t
WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)
UNION ALL
SELECT 'orders', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM orders t
WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)

-- name: single_restaurant
-- The authors of whom it is clear whose recipes and menus theirs are: they work for exactly one restaurant.
SELECT user_id FROM restaurant_staff GROUP BY user_id HAVING count(DISTINCT restaurant_id) = 1

-- name: no_restaurant_before
-- The menus, and the recipes, for which adoption will find no restaurant.
SELECT 'menus', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM menus t
WHERE t.user_id NOT IN ({{single_restaurant}})
UNION ALL
SELECT 'recipes', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM recipes t
WHERE t.user_id NOT IN ({{single_restaurant}})

-- name: no_restaurant_after
-- The menus, and the recipes, that belong to no restaurant.
SELECT 'menus', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM menus t WHERE t.restaurant_id IS NULL
UNION ALL
SELECT 'recipes', count(*), coalesce((array_agg(t.id ORDER BY t.id))[1:5], '{}') FROM recipes t
WHERE t.restaurant_id IS NULL

-- name: restaurant_mismatch
-- The orders at another restaurant than the reservation they belong to.
SELECT count(*), coalesce((array_agg(o.id ORDER BY o.id))[1:5], '{}')
FROM orders o JOIN reservations r ON r.id = o.reservation_id WHERE r.restaurant_id <> o.restaurant_id

-- name: time_zones
-- Each time zone of a booking policy, with how many restaurants have it, and the first of them.
SELECT time_zone, count(*), (array_agg(restaurant_id ORDER BY restaurant_id))[1:5] FROM booking_policies
GROUP BY time_zone ORDER BY time_zone

-- name: sessions
-- The sessions in this database with a transaction open for long, or idle in one; how many cannot be looked into.
SELECT pid, coalesce(state, ''), coalesce(application_name, ''), extract(epoch FROM now() - xact_start)::int
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND (xact_start < now() - interval '60 seconds'
         OR (state LIKE 'idle in transaction%%' AND state_change < now() - interval '10 seconds'))
ORDER BY xact_start

-- name: prepared
-- The prepared transactions of this database, which hold their locks until somebody ends them.
SELECT gid, extract(epoch FROM now() - prepared)::int FROM pg_prepared_xacts
WHERE database = current_database() ORDER BY prepared

-- name: sizes
-- Bytes of the database; about how many the migration adds (linked rows are written anew, users are copied); and about
-- how many of WAL it writes: all that, and an image of each page it touches.
SELECT pg_database_size(current_database()), bookings + 2 * pg_total_relation_size('users'),
    2 * bookings + 3 * pg_total_relation_size('users')
FROM (SELECT pg_total_relation_size('reservations') + pg_total_relation_size('orders') AS bookings) b

-- name: folders
-- Where the server keeps what grows, as far as this role may know: its data directory, and tablespaces.
SELECT setting FROM pg_settings WHERE name = 'data_directory'
UNION ALL
SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')

-- name: written_since
-- Of the large tables: how many rows there are, how many were made since a moment, and how many made or changed.
SELECT 'users', count(*), count(*) FILTER (WHERE created_at > at), count(*) FILTER (WHERE updated_at > at)
FROM users, (SELECT %(moment)s::timestamptz AT TIME ZONE 'UTC' AS at) m
UNION ALL
SELECT 'reservations', count(*), count(*) FILTER (WHERE created_at > at), count(*) FILTER (WHERE updated_at > at)
FROM reservations, (SELECT %(moment)s::timestamptz AT TIME ZONE 'UTC' AS at) m
UNION ALL
SELECT 'orders', count(*), count(*) FILTER (WHERE created_at > at), count(*) FILTER (WHERE updated_at > at)
FROM orders, (SELECT %(moment)s::timestamptz AT TIME ZONE 'UTC' AS at) m

-- name: clock
-- The server's clock, in seconds.
SELECT extract(epoch FROM clock_timestamp())

-- name: session_settings
-- What this role's sessions begin with.
SELECT name, CASE WHEN reset_val = '0' THEN '0' ELSE reset_val || coalesce(unit, '') END FROM pg_settings
WHERE name = ANY (%(names)s)

-- name: connections
-- How many connections the server takes, how many are in use, and how many are left for this role and database.
SELECT s.most, u.of_all,
    greatest(0, least(
        s.most - CASE WHEN r.rolsuper THEN 0 ELSE s.reserved END - u.of_all,
        CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - u.of_database ELSE s.most END,
        CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - u.of_role ELSE s.most END))::integer
FROM (SELECT current_setting('max_connections')::integer AS most,
          current_setting('superuser_reserved_connections')::integer
              + coalesce(current_setting('reserved_connections', true)::integer, 0) AS reserved) s,
    (SELECT count(*)::integer AS of_all, (count(*) FILTER (WHERE datname = current_database()))::integer AS of_database,
          (count(*) FILTER (WHERE usename = session_user))::integer AS of_role
     FROM pg_stat_activity WHERE backend_type = 'client backend') u,
    pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = session_user

-- name: may_see_standbys
-- Whether this role sees how far standbys are behind, and which of them commits wait for.
SELECT pg_has_role('pg_read_all_stats', 'USAGE'), current_setting('synchronous_standby_names')

-- name: standbys
-- Each standby: name, state, whether commits wait for it, by how many seconds and bytes it is behind.
SELECT coalesce(nullif(application_name, ''), 'without a name'), coalesce(state, 'unseen'),
    coalesce(sync_state IN ('sync', 'quorum'), false), coalesce(extract(epoch FROM replay_lag), 0)::float,
    CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint END
FROM pg_stat_replication ORDER BY 1

-- name: slots
-- The replication slots that nobody reads, and the bytes of WAL that each keeps.
SELECT slot_name::text,
    CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint END
FROM pg_replication_slots WHERE NOT active ORDER BY 1

-- name: publications
-- The publications that have tables which the migration changes, or all there will ever be.
SELECT p.pubname::text FROM pg_publication p
WHERE p.puballtables OR EXISTS (
    SELECT FROM pg_publication_tables t
    WHERE t.pubname = p.pubname AND t.schemaname = current_schema() AND t.tablename IN ('users', 'reservations', 'orders',
        'menus', 'recipes', 'customer_profiles'))
ORDER BY 1

-- name: autovacuum
-- Whether it is on, and whether it is told what has changed.
SELECT current_setting('autovacuum')::boolean, current_setting('track_counts')::boolean

-- name: neglected
-- The tables of this schema, not the smallest, that nobody vacuums or has counted, and why.
SELECT c.oid::regclass::text, CASE
    WHEN 'autovacuum_enabled=false' = ANY (c.reloptions) THEN 'autovacuum is switched off for it'
    WHEN c.reltuples < 0 THEN 'never analysed'
    ELSE s.n_dead_tup || ' dead rows beside ' || s.n_live_tup END
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND pg_relation_size(c.oid) > 8000000
    AND ('autovacuum_enabled=false' = ANY (c.reloptions) OR c.reltuples < 0 OR s.n_dead_tup > s.n_live_tup)
ORDER BY 1

-- name: wraparound
-- The age of the oldest transaction id, or multixact id, in this database, and the table that has it.
SELECT greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)),
    (SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'm', 't') AND c.relfrozenxid <> '0'
     ORDER BY greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) DESC LIMIT 1)
FROM pg_database d WHERE d.datname = current_database()

-- name: collations_of_columns
-- The collations of columns that are of another version than the system's: name, version, the system's.
SELECT DISTINCT c.collname::text, c.collversion, pg_collation_actual_version(c.oid)
FROM pg_collation c JOIN pg_attribute a ON a.attcollation = c.oid JOIN pg_class t ON t.oid = a.attrelid
WHERE t.relnamespace = current_schema()::regnamespace AND c.collversion <> pg_collation_actual_version(c.oid)

-- name: collations
-- As before, and the database's own, which servers know from 15 on.
{{collations_of_columns}}
UNION ALL
SELECT 'that of the database', d.datcollversion, pg_database_collation_actual_version(d.oid)
FROM pg_database d
WHERE d.datname = current_database() AND d.datcollversion <> pg_database_collation_actual_version(d.oid)

-- name: ctype
-- By what the database tells letters.
SELECT datctype::text FROM pg_database WHERE datname = current_database()

-- name: knows_letters
-- Whether it knows lower from upper case beyond A to Z.
SELECT lower(chr(196)) = chr(228)

-- name: beyond_ascii
-- How many customers have an email with other letters.
SELECT count(*) FROM users WHERE is_customer AND email ~ '[^\x01-\x7f]'

-- name: extensions
-- What is installed in this database, but for the language that comes with it.
SELECT extname::text, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1

-- name: indexes
-- Every index of the schema: table, columns ('' for an expression), whether it is unique, valid, and of all rows.
SELECT t.relname::text,
    ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (number, position)
          LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0
          WHERE k.position <= x.indnkeyatts ORDER BY k.position),
    x.indisunique AND x.indimmediate, x.indisvalid, x.indpred IS NULL
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')

-- name: invalid_indexes
-- The indexes that a failed attempt to make them left.
SELECT x.indexrelid::regclass::text FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = current_schema()::regnamespace AND NOT x.indisvalid ORDER BY 1

-- name: keys
-- Every foreign key of the schema: table, columns, and the table it references.
SELECT t.relname::text,
    ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.position),
    c.confrelid::regclass::text
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'f' AND t.relnamespace = current_schema()::regnamespace AND c.conparentid = 0

-- name: switched_off
-- The tables whose foreign keys nothing enforces.
SELECT DISTINCT t.relname::text FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
WHERE t.relnamespace = current_schema()::regnamespace AND g.tgisinternal AND g.tgconstraint <> 0 AND g.tgenabled = 'D'
ORDER BY 1

-- name: not_validated
-- The constraints, but for keys to users, that rows from before may break: table, name.
SELECT t.relname::text, c.conname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = current_schema()::regnamespace AND NOT c.convalidated
    AND coalesce(c.confrelid, 0) <> 'users'::regclass AND c.conname !~ '^separation_'
ORDER BY 1, 2

-- name: restricting
-- What somebody else made that restricts the column which the migration fills: table, name of the constraint or index.
SELECT t.relname::text, c.conname::text
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'customer_id' AND a.attnum = ANY (c.conkey)
WHERE t.relname IN ('reservations', 'orders') AND t.relnamespace = current_schema()::regnamespace
    AND c.contype IN ('c', 'x')
UNION ALL
SELECT t.relname::text, i.relname::text
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'customer_id' AND a.attnum = ANY (x.indkey)
WHERE t.relname IN ('reservations', 'orders') AND t.relnamespace = current_schema()::regnamespace AND x.indisunique
ORDER BY 1, 2

-- name: owners
-- Who owns how many of the schema's tables, the owner of users first, and the names of five of them.
SELECT o.owner, count(*), (array_agg(o.name ORDER BY o.name))[1:5]
FROM (SELECT pg_get_userbyid(c.relowner)::text AS owner, c.relname::text AS name FROM pg_class c
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')) o
GROUP BY o.owner ORDER BY bool_or(o.name = 'users') DESC, count(*) DESC, o.owner
