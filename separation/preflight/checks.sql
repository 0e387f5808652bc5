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
-- The sequence of users.id, where it stands (null: unused or unreadable), the highest id, and the lowest.
SELECT pg_get_serial_sequence('users', 'id'), s.last_value, (SELECT max(id) FROM users), (SELECT min(id) FROM users)
FROM (SELECT 1) one
LEFT JOIN pg_sequences s ON to_regclass(quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename))
    = to_regclass(pg_get_serial_sequence('users', 'id'))

-- name: foreign_keys
-- Every foreign key to users: its table's schema and name, its columns, what a delete does, whether it was validated.
SELECT n.nspname, t.relname, array_agg(a.attname::text ORDER BY k.position), c.confdeltype::text, c.convalidated,
    c.condeferrable
FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND c.conparentid = 0
GROUP BY c.oid, n.nspname, t.relname ORDER BY n.nspname <> current_schema(), 1, 2, 3

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
        u.password ~ '^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$' OR u.id = ANY (%(put_back)s::integer[]) AS bcrypt,
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
-- Bytes of the database; and about how many the migration adds: linked rows are written anew, users are copied.
SELECT pg_database_size(current_database()),
    pg_total_relation_size('reservations') + pg_total_relation_size('orders') + 2 * pg_total_relation_size('users')
