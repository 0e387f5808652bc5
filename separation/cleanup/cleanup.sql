-- Clean-up: the customers leave `users`. What is left there is the ledger: whoever is marked as a customer still is to go.

-- name: outcomes
-- What becomes of the customers u of users: 'moved' and 'merged' go, home says to which customer; 'both', 'staff' and
-- 'left' stay, as users who are no customers; of who is 'undecided' somebody has to say it. An AND may follow.
SELECT u.id, coalesce(c.id, w.id) AS home,
    CASE WHEN c.id IS NOT NULL THEN CASE WHEN d.is_both THEN 'both' ELSE 'moved' END
        WHEN w.id IS NOT NULL THEN 'merged'
        WHEN d.is_staff THEN 'staff'
        WHEN d.is_left THEN 'left'
        ELSE 'undecided'
    END AS outcome
FROM users u
    LEFT JOIN customers c ON c.id = u.id
    LEFT JOIN separation_merges m ON m.user_id = u.id
    LEFT JOIN customers w ON w.id = m.customer_id
    LEFT JOIN (
        SELECT f.row_id, bool_or(f.decision = 'both') AS is_both,
            bool_or(f.decision = 'staff' AND f.state = 'settled') AS is_staff,
            bool_or(f.decision = 'left' AND f.state = 'settled') AS is_left
        FROM separation_findings f
        WHERE f.table_name = 'users' AND f.decision IN ('both', 'staff', 'left')
        GROUP BY f.row_id
    ) d ON d.row_id = u.id
WHERE u.is_customer

-- name: plan
-- Counts the customers of users by what becomes of them, each with the first ten ids.
SELECT o.outcome, count(*), (array_agg(o.id ORDER BY o.id))[1:10] FROM ({{outcomes}}) o GROUP BY o.outcome

-- name: undecided
-- Counts the customers of users of whom nobody knows what becomes of them.
SELECT count(*) FROM ({{outcomes}}) o WHERE o.outcome = 'undecided'

-- name: parked
-- Counts the rows of an earlier attempt.
SELECT count(*) FROM customers WHERE id < 0

-- name: next_parked
-- Gives the next rows of an earlier attempt.
SELECT id FROM customers WHERE id < 0 ORDER BY id LIMIT %(size)s

-- name: close_users
-- From here on no customer can enter users, nor be written there; those who are there can only leave.
ALTER TABLE users ADD CONSTRAINT users_hold_no_customers CHECK (NOT is_customer) NOT VALID

-- name: is_closed
-- Tells whether that holds.
SELECT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND conname = 'users_hold_no_customers')

-- name: validate_users
-- Proves that no customer is left in users; readers and writers go on.
ALTER TABLE users VALIDATE CONSTRAINT users_hold_no_customers

-- name: baseline
-- Gives what must still be there at the end: for the customers of users, for the reservations and for the orders that name
-- a customer, the highest id, how many, and a checksum in any order.
SELECT 'users' AS table_name, max(id) AS up_to, count(*) AS rows,
    coalesce(sum(hashtextextended(id::text, 0)::numeric), 0)::text AS checksum
FROM users WHERE is_customer
UNION ALL
SELECT 'reservations', max(t.id), count(*),
    coalesce(sum(hashtextextended(t.id || ' ' || c.id, 0)::numeric), 0)::text
FROM reservations t JOIN customers c ON c.id = t.customer_id
UNION ALL
SELECT 'orders', max(t.id), count(*),
    coalesce(sum(hashtextextended(t.id || ' ' || c.id, 0)::numeric), 0)::text
FROM orders t JOIN customers c ON c.id = t.customer_id

-- name: next_range
-- Gives the first and last id of the next `size` customers of users after an id, and how many they are.
SELECT min(u.id), max(u.id), count(*) FROM (
    SELECT id FROM users WHERE is_customer AND id > %(after)s ORDER BY id LIMIT %(size)s
) u

-- name: lock_people
-- Locks the customers of a range in id order, keys and all.
SELECT count(*) FROM (
    SELECT u.id FROM users u WHERE u.is_customer AND u.id BETWEEN %(first)s AND %(last)s ORDER BY u.id FOR UPDATE
) l

-- name: people
-- Gives those of a range who go, with the customer each has become, those who stay, and those nobody knows of.
SELECT
    coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.outcome IN ('moved', 'merged')), '{}'),
    coalesce(array_agg(o.home ORDER BY o.id) FILTER (WHERE o.outcome IN ('moved', 'merged')), '{}'),
    coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.outcome IN ('both', 'staff', 'left')), '{}'),
    coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.outcome = 'undecided'), '{}')
FROM ({{outcomes}} AND u.id BETWEEN %(first)s AND %(last)s) o

-- name: archive
-- Keeps rows, or values out of them, as PostgreSQL writes them.
INSERT INTO separation_archive (table_name, row_id, columns, "values", gone, run_id)
SELECT %(table)s, {key}, {names}, {values}, %(gone)s, %(run)s FROM {table} AS t WHERE {rows}

-- name: delete
-- Deletes rows.
DELETE FROM {table} AS t WHERE {rows}

-- name: empty
-- Empties a column of rows.
UPDATE {table} AS t SET {column} = NULL WHERE {rows}

-- name: release_bookings
-- Takes the users who go out of bookings, each of which names its customer.
UPDATE {table} AS t SET user_id = NULL,
    customer_id = CASE WHEN EXISTS (SELECT FROM customers c WHERE c.id = t.customer_id) THEN t.customer_id ELSE h.home END
FROM unnest(%(ids)s::integer[], %(homes)s::integer[]) h (user_id, home)
WHERE t.user_id = h.user_id

-- name: stay
-- Makes users who stay be no customers any more.
UPDATE users SET is_customer = false WHERE id = ANY (%(ids)s::integer[])

-- name: strangers
-- The rows t of which a column names somebody who is no customer.
t.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM customers c WHERE c.id = t.{column})

-- name: heirs
-- Writes the customer whom somebody was merged into where the one who was merged stands in a column that names customers.
UPDATE {table} AS t SET {column} = m.customer_id FROM separation_merges m
WHERE t.{column} = m.user_id AND NOT EXISTS (SELECT FROM customers c WHERE c.id = t.{column})

-- name: written
-- Counts the rows this session wrote, by table, whatever made it do so; partitions count as their table. What it has not
-- reported to the server's statistics yet counts too, so only the difference between two moments of one transaction says
-- anything.
SELECT coalesce(pg_partition_root(relid), relid)::regclass::text, sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del)
FROM pg_stat_xact_user_tables GROUP BY 1 HAVING sum(n_tup_ins + n_tup_upd + n_tup_del) > 0 ORDER BY 1

-- name: redefined
-- Gives the tables that this transaction has emptied by TRUNCATE, dropped or changed: nobody else may look at them.
SELECT DISTINCT l.relation::regclass::text FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p')
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND c.relpersistence <> 't'
ORDER BY 1

-- name: triggers
-- Gives the triggers of tables that somebody else made, and that fire.
SELECT t.tgrelid::regclass::text || '.' || t.tgname FROM pg_trigger t
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgname <> 'customer_changes'
    AND t.tgrelid IN (SELECT to_regclass(x) FROM unnest(%(tables)s::text[]) x) ORDER BY 1

-- name: columns
-- Gives the columns of a table that are archived: those of its primary key, and all that hold no secret.
SELECT ARRAY(
    SELECT a.attname::text FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k (number, position)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = to_regclass(%(table)s) AND i.indisprimary ORDER BY k.position
), ARRAY(
    SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname !~* '(password|passwd|hash|token|secret)'
    ORDER BY a.attnum
)

-- name: depends
-- Gives the pairs of these tables of which the first refers to the second.
SELECT DISTINCT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
    AND k.conrelid IN (SELECT to_regclass(x) FROM unnest(%(tables)s::text[]) x)
    AND k.confrelid IN (SELECT to_regclass(x) FROM unnest(%(tables)s::text[]) x)

-- name: children
-- Gives the foreign keys to these tables: their table and its columns, the table they refer to and its columns.
SELECT k.conrelid::regclass::text, ARRAY(
        SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY c (number, position)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number ORDER BY c.position),
    k.confrelid::regclass::text, ARRAY(
        SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY c (number, position)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.number ORDER BY c.position)
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT to_regclass(x) FROM unnest(%(tables)s::text[]) x)
ORDER BY 1, 2

-- name: leaving
-- The ids of those who leave users.
SELECT o.id FROM ({{outcomes}}) o WHERE o.outcome IN ('moved', 'merged')

-- name: torn
-- Counts the rows of a table that refer to rows which are to go, and do not go themselves.
SELECT count(*) FROM {child} c JOIN {parent} t ON {same}
WHERE ({goes}) AND NOT coalesce(({child_goes}), false)

-- name: keys
-- Gives the foreign keys to a table: their table, name, definition, the comment on them, whether they are validated,
-- whether their table is partitioned, and their first column.
SELECT k.conrelid::regclass::text, k.conname::text, pg_get_constraintdef(k.oid),
    coalesce(obj_description(k.oid, 'pg_constraint'), ''), k.convalidated, c.relkind = 'p', a.attname::text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid = to_regclass(%(target)s) AND k.conparentid = 0 ORDER BY 1, 2

-- name: without_index
-- Gives the columns with a foreign key to users that are the first of no index: their table, their name, and the name of an
-- index that helps. Without one each user who goes would cost a look through the whole table.
SELECT k.conrelid::regclass::text, quote_ident(a.attname), 'separation_cleanup_' || k.conrelid::bigint || '_' || a.attnum
FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid AND c.relkind = 'r'
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = k.conrelid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid)
ORDER BY 1, 2

-- name: helping_indexes
-- Gives the indexes that helped.
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind = 'i' AND c.relname ~ '^separation_cleanup_[0-9]+_[0-9]+$' ORDER BY 1

-- name: forget_engine
-- Empties what only a way back, or a mirror, would need.
TRUNCATE separation_undo, separation_pending, separation_chunks

-- name: to_forget
-- Tells whether any of that is left.
SELECT EXISTS (SELECT FROM separation_undo) OR EXISTS (SELECT FROM separation_pending)
    OR EXISTS (SELECT FROM separation_chunks)

-- name: keep_visits
-- Switches the triggers on that keep visits and spend right from now on.
ALTER TABLE {table} ENABLE TRIGGER customer_visits_insert, ENABLE TRIGGER customer_visits_update,
    ENABLE TRIGGER customer_visits_delete

-- name: visits_again
-- Brings the visits and spend of a range of customers into step where they are not.
SELECT customer_visits_again(%(first)s, %(last)s)
