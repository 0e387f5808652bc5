-- One chunk: everything that belongs to the customers with ids from first to last, in one transaction, in this order.
-- Idempotent: a chunk that is run again does only what is missing.

-- name: lock_users
-- Locks the chunk's customers in id order, so that none is changed or deleted before it commits; keys stay readable.
-- Waits for nobody, since whoever waits while holding locks can be half of a deadlock: gives how many customers there
-- are, and the ids of those whom another session holds, in users or as customers whom the mirror has moved.
WITH locked AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id BETWEEN %(first)s AND %(last)s AND u.is_customer
    ORDER BY u.id FOR NO KEY UPDATE SKIP LOCKED
),
moved AS MATERIALIZED (
    SELECT c.id FROM customers c WHERE c.id BETWEEN %(first)s AND %(last)s ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
),
there AS MATERIALIZED (SELECT u.id FROM users u WHERE u.id BETWEEN %(first)s AND %(last)s AND u.is_customer)
SELECT (SELECT count(*) FROM there), ARRAY(
    (SELECT id FROM there EXCEPT SELECT id FROM locked)
    UNION
    (SELECT c.id FROM customers c WHERE c.id BETWEEN %(first)s AND %(last)s EXCEPT SELECT id FROM moved))

-- name: queue
-- Leaves people to the next draining of the mirror's queue.
INSERT INTO separation_pending (user_id) SELECT unnest(%(ids)s::integer[])

-- name: newcomers
-- Gives the customers of `users` in the range who are not moved, if an earlier attempt left rows that may be theirs.
SELECT ARRAY(
    SELECT u.id FROM users u
    WHERE u.is_customer AND u.id BETWEEN %(first)s AND %(last)s AND u.id <> ALL (%(skipped)s::integer[])
        AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)
        AND (SELECT min(c.id) FROM customers c) < 0
)

-- name: put_back
-- Puts the passwords of these people back that an earlier attempt overwrote in `users`; gives how many.
SELECT separation_put_back(%(ids)s::integer[])

-- name: adopt
-- Gives those of these people who moved what an earlier attempt's rows know of them; gives how many rows.
SELECT separation_adopt(%(ids)s::integer[])

-- name: remember_reservations
-- Remembers each customer_id that stood here before this person was moved: a roll-back must leave it.
INSERT INTO separation_undo (table_name, row_id, customer_id)
SELECT 'reservations', t.id, t.customer_id FROM reservations t
WHERE t.customer_id BETWEEN %(first)s AND %(last)s
    AND NOT EXISTS (SELECT FROM customers c WHERE c.id = t.customer_id)
ON CONFLICT (table_name, row_id) DO NOTHING

-- name: remember_orders
-- Remembers each customer_id that stood here before this person was moved: a roll-back must leave it.
INSERT INTO separation_undo (table_name, row_id, customer_id)
SELECT 'orders', t.id, t.customer_id FROM orders t
WHERE t.customer_id BETWEEN %(first)s AND %(last)s
    AND NOT EXISTS (SELECT FROM customers c WHERE c.id = t.customer_id)
ON CONFLICT (table_name, row_id) DO NOTHING

-- name: email_key
-- What the emails have in common of users u who count as one: blanks around them and case do not.
lower(btrim(u.email, E' \t\n\r\f\x0b'))

-- name: kept
-- True if it was decided that of all with this email this user moves, and nobody else has it in customers by now.
EXISTS (
    SELECT FROM separation_findings f
    WHERE f.kind = 'duplicate_email' AND f.table_name = 'users' AND f.row_id = u.id
        AND f.decision = 'keep' AND f.detail ->> 'email' = md5({{email_key}})
) AND NOT EXISTS (
    SELECT FROM customers c WHERE lower(c.email) = {{email_key}} AND c.id > 0 AND c.id <> u.id
)

-- name: readable
-- True if the password of users u is a bcrypt hash of 60 characters, behind a ! if somebody deactivated that person. Said
-- by length, since to count 53 characters costs an expression ten times what to match any number does.
length(u.password) = CASE left(u.password, 1) WHEN '!' THEN 61 ELSE 60 END
    AND u.password ~ '^!?\$2[aby]\$\d\d\$[./A-Za-z0-9]+$'

-- name: forgotten
-- True of users u whom the portal anonymised, and who are asked for no password any more.
u.email = 'anonymised-' || u.id || '@anonymised.invalid' AND NOT ({{readable}})

-- name: classified_users
-- Gives users their outcome: 'move', 'merged' into another, or the kind of finding that keeps a customer back. What staff
-- decided is looked up where it matters, for few are merged, staff, or duplicates. A hash behind a ! is bcrypt as well:
-- that of somebody deactivated. A WHERE follows.
SELECT u.id, u.email, u.name, u.phone, u.password, u.created_at, u.updated_at,
    {{readable}} AS bcrypt, {{forgotten}} AS forgotten,
    CASE
        WHEN EXISTS (SELECT FROM separation_merges m WHERE m.user_id = u.id) THEN 'merged'
        WHEN (
            u.role <> 'USER'
            OR EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id AND s.role IN ('MANAGER', 'OWNER'))
            OR EXISTS (SELECT FROM recipes r WHERE r.user_id = u.id)
            OR EXISTS (SELECT FROM menus m WHERE m.user_id = u.id)
        ) AND NOT EXISTS (
            SELECT FROM separation_findings f
            WHERE f.kind = 'staff_marked_as_customer' AND f.table_name = 'users' AND f.row_id = u.id
                AND f.decision IN ('customer', 'both')
        ) THEN 'staff_marked_as_customer'
        WHEN btrim(u.email, E' \t\n\r\f\x0b') !~ '^[^@\s]+@[^@\s]+$' THEN 'invalid_email'
        WHEN EXISTS (
            SELECT FROM users o
            WHERE lower(btrim(o.email, E' \t\n\r\f\x0b')) = {{email_key}}
                AND o.is_customer AND o.id <> u.id
        ) AND NOT ({{kept}}) THEN 'duplicate_email'
        ELSE 'move'
    END AS outcome
FROM users u

-- name: classified
-- Gives each customer of `users` in the range its outcome.
{{classified_users}} WHERE u.is_customer AND u.id BETWEEN %(first)s AND %(last)s

-- name: as_customers
-- Gives what the rows of `classified` are in the words of customers; is_active is null where nothing tells. A WHERE on k
-- may follow.
SELECT k.id, btrim(k.email, E' \t\n\r\f\x0b') AS email,
    CASE WHEN k.bcrypt THEN ltrim(k.password, '!') ELSE '!' END AS password,
    CASE WHEN k.bcrypt THEN left(k.password, 1) <> '!' WHEN k.forgotten THEN false END AS is_active,
    CASE WHEN k.forgotten THEN k.updated_at END AS anonymized_at,
    split_part(n.full_name, ' ', 1) AS first_name,
    substr(n.full_name, strpos(n.full_name || ' ', ' ') + 1) AS last_name, k.phone, k.created_at, k.updated_at
FROM classified k
    CROSS JOIN LATERAL (SELECT btrim(regexp_replace(coalesce(k.name, ''), '\s+', ' ', 'g')) AS full_name) n

-- name: insert_customers
-- Inserts those of `classified` who move, under their own ids, unless they are there.
INSERT INTO customers
    (id, email, password, is_active, first_name, last_name, phone, email_verified, created_at, updated_at, anonymized_at)
SELECT c.id, c.email, c.password, coalesce(c.is_active, true), c.first_name, c.last_name, c.phone,
    coalesce(p.email_verified, false), c.created_at, c.updated_at, c.anonymized_at
FROM ({{as_customers}} WHERE k.outcome = 'move') c LEFT JOIN customer_profiles p ON p.user_id = c.id
ON CONFLICT (id) DO NOTHING

-- name: fillable
-- The fields of a profile that a merge fills where they are empty.
ARRAY['preferred_contact_method', 'dietary_restrictions', 'special_requests', 'vip_status', 'tags', 'notes', 'birthday',
    'anniversary', 'preferences']

-- name: finding_state
-- Gives the state of a finding in separation_findings that is true: settled if a decision stands that says so still, else
-- open.
CASE separation_findings.decision
    WHEN 'staff' THEN 'settled'
    WHEN 'left' THEN CASE WHEN EXISTS (
        SELECT FROM users u
            JOIN separation_findings f ON f.kind = 'duplicate_email' AND f.decision = 'keep'
                AND f.detail ->> 'email' = md5({{email_key}})
            JOIN users k ON k.id = f.row_id AND k.is_customer
                AND lower(btrim(k.email, E' \t\n\r\f\x0b')) = {{email_key}}
        WHERE u.id = separation_findings.row_id AND md5({{email_key}}) = separation_findings.detail ->> 'email'
    ) THEN 'settled' ELSE 'open' END
    WHEN 'merge' THEN CASE WHEN EXISTS (
        SELECT FROM separation_merges m JOIN users k ON k.id = m.customer_id AND k.is_customer
        WHERE m.user_id = separation_findings.row_id
    ) THEN 'settled' ELSE 'open' END
    ELSE 'open'
END

-- name: move
-- Inserts the customers who move, under their own ids, and a finding for each who does not or has no readable hash; what
-- kept one of them back before, and does so no more, is gone.
-- People whom the lock passed over stay out; whoever the mirror moved before stays in, also beside a later duplicate.
WITH classified AS MATERIALIZED ({{classified}} AND u.id <> ALL (%(skipped)s::integer[])),
moved AS ({{insert_customers}} RETURNING id),
found AS (
    SELECT CASE k.outcome WHEN 'merged' THEN 'duplicate_email' ELSE k.outcome END AS kind, k.id FROM classified k
    WHERE k.outcome <> 'move' AND NOT EXISTS (SELECT FROM customers c WHERE c.id = k.id)
    UNION ALL
    SELECT 'needs_password_reset', id FROM classified WHERE outcome = 'move' AND NOT bcrypt AND NOT forgotten
),
noted AS (
    INSERT INTO separation_findings (kind, table_name, row_id, run_id)
    SELECT kind, 'users', id, %(run)s FROM found
    ON CONFLICT (kind, table_name, row_id)
        DO UPDATE SET state = {{finding_state}}, updated_at = now()
        WHERE separation_findings.state <> {{finding_state}}
    RETURNING kind
),
resolved AS (
    UPDATE separation_findings f SET state = 'gone', updated_at = now()
    WHERE f.table_name = 'users' AND f.row_id IN (SELECT id FROM classified)
        AND (f.state = 'open' OR f.state = 'settled' AND f.decision IN ('staff', 'left'))
        AND f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed')
        AND NOT EXISTS (SELECT FROM found k WHERE k.id = f.row_id AND k.kind = f.kind)
    RETURNING kind
)
SELECT (SELECT count(*) FROM moved) AS customers, (SELECT count(*) FROM noted) AS findings

-- name: adopt_profiles
-- Gives the profiles that the legacy database brought along to the customers they are of; one that another session holds
-- is left to the queue.
WITH mine AS MATERIALIZED (
    SELECT p.id FROM customer_profiles p JOIN customers c ON c.id = p.user_id
    WHERE p.user_id BETWEEN %(first)s AND %(last)s AND p.user_id <> ALL (%(skipped)s::integer[])
        AND p.customer_id IS NULL FOR NO KEY UPDATE OF p SKIP LOCKED
)
UPDATE customer_profiles p SET customer_id = p.user_id FROM mine WHERE mine.id = p.id

-- name: insert_profiles
-- Creates a profile for customers who have none; every column is given, since the table may be an old one. An AND on c
-- follows.
INSERT INTO customer_profiles
    (customer_id, phone_verified, email_verified, vip_status, tags, marketing_opt_in, created_at, updated_at)
SELECT c.id, false, false, false, '{}', false, c.created_at, c.updated_at
FROM customers c
WHERE NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id)

-- name: create_profiles
-- Creates a profile for each customer of the range who has none.
{{insert_profiles}} AND c.id BETWEEN %(first)s AND %(last)s AND c.id <> ALL (%(skipped)s::integer[])

-- name: link_reservations
-- Links the rows that moved customers wrote themselves; one that already names a customer keeps that customer, and one
-- that another session holds is left to the queue.
WITH mine AS MATERIALIZED (
    SELECT t.id FROM reservations t JOIN customers c ON c.id = t.user_id
    WHERE t.user_id BETWEEN %(first)s AND %(last)s AND t.user_id <> ALL (%(skipped)s::integer[])
        AND t.customer_id IS NULL FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE reservations t SET customer_id = t.user_id FROM mine WHERE mine.id = t.id

-- name: link_orders
-- Links the rows that moved customers wrote themselves; one that already names a customer keeps that customer, and one
-- that another session holds is left to the queue.
WITH mine AS MATERIALIZED (
    SELECT t.id FROM orders t JOIN customers c ON c.id = t.user_id
    WHERE t.user_id BETWEEN %(first)s AND %(last)s AND t.user_id <> ALL (%(skipped)s::integer[])
        AND t.customer_id IS NULL FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE orders t SET customer_id = t.user_id FROM mine WHERE mine.id = t.id

-- name: queue_left
-- Queues the customers of whose rows another session held one, and people merged with others, who may be anywhere.
INSERT INTO separation_pending (user_id)
SELECT c.id FROM customers c
WHERE c.id BETWEEN %(first)s AND %(last)s AND c.id <> ALL (%(skipped)s::integer[]) AND (
    EXISTS (SELECT FROM reservations t WHERE t.user_id = c.id AND t.customer_id IS NULL)
    OR EXISTS (SELECT FROM orders t WHERE t.user_id = c.id AND t.customer_id IS NULL)
    OR EXISTS (SELECT FROM customer_profiles p WHERE p.user_id = c.id AND p.customer_id IS NULL))
UNION
SELECT m.user_id FROM separation_merges m
WHERE m.user_id BETWEEN %(first)s AND %(last)s OR m.customer_id BETWEEN %(first)s AND %(last)s

-- name: link_people
-- Makes the links of `people` to restaurants from `facts`, or brings their figures up to date.
links AS (
    SELECT f.customer_id, f.restaurant_id, min(f.first_visit) AS first_visit, max(f.last_visit) AS last_visit,
        sum(f.visit_count) AS visit_count, sum(f.total_spent) AS total_spent
    FROM facts f JOIN people p ON p.id = f.customer_id
    GROUP BY f.customer_id, f.restaurant_id
),
lone AS (
    SELECT p.id AS customer_id, r.id AS restaurant_id
    FROM people p CROSS JOIN (SELECT min(id) AS id FROM restaurants HAVING count(*) = 1) r
    WHERE NOT EXISTS (SELECT FROM links l WHERE l.customer_id = p.id)
)
INSERT INTO customer_restaurants AS t (customer_id, restaurant_id, first_visit, last_visit, visit_count, total_spent)
SELECT customer_id, restaurant_id, first_visit, last_visit, visit_count, total_spent FROM links
UNION ALL
SELECT customer_id, restaurant_id, NULL, NULL, 0, 0 FROM lone
ON CONFLICT (customer_id, restaurant_id) DO UPDATE SET
    first_visit = excluded.first_visit, last_visit = excluded.last_visit,
    visit_count = excluded.visit_count, total_spent = excluded.total_spent
WHERE (t.first_visit, t.last_visit, t.visit_count, t.total_spent)
    IS DISTINCT FROM (excluded.first_visit, excluded.last_visit, excluded.visit_count, excluded.total_spent)

-- name: restaurants
-- Makes the links of the range's customers to restaurants, or brings their figures up to date.
WITH people AS (
    SELECT c.id FROM customers c
    WHERE c.id BETWEEN %(first)s AND %(last)s AND c.id <> ALL (%(skipped)s::integer[])
),
facts AS (
    SELECT v.* FROM customer_visits(%(first)s, %(last)s) v
    UNION ALL
    SELECT s.user_id, s.restaurant_id, NULL, NULL, 0, 0
    FROM restaurant_staff s WHERE s.user_id BETWEEN %(first)s AND %(last)s AND s.role = 'STAFF'
),
{{link_people}}

-- name: written
-- Counts the rows this session wrote, by table, cascades and triggers included; what it has not reported to the
-- server's statistics yet counts too, so only the difference between two moments of one transaction says anything.
SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname

-- name: survivors
-- Counts the rows of an earlier attempt, the passwords that can be put back from them, and those of people who move.
WITH marked AS (
    SELECT k.id, k.outcome FROM ({{classified}} AND u.password = 'MIGRATED_TO_CUSTOMERS_TABLE') k
)
SELECT (SELECT count(*) FROM customers WHERE id < 0), count(e.user_id), count(e.user_id) FILTER (WHERE m.outcome = 'move')
FROM marked m FULL JOIN (
    SELECT user_id FROM separation_earlier(ARRAY(SELECT id FROM marked)) WHERE place = 1 AND readable
) e ON e.user_id = m.id

-- name: plan
-- Gives what an execute would do, everybody classified once: the customers who are not moved yet by outcome, as (outcome,
-- how many, how many without a readable hash); the reservations and the orders that will be linked; and the customers
-- that each restaurant will know, as (id, name, how many). Who is merged counts as the one merged into.
WITH left_to_move AS MATERIALIZED (
    SELECT c.id, c.outcome, c.bcrypt OR c.forgotten AS bcrypt
    FROM ({{classified}} AND NOT EXISTS (SELECT FROM customers m WHERE m.id = u.id)) c
),
outcomes AS (
    SELECT outcome, count(*) AS customers, count(*) FILTER (WHERE NOT bcrypt) AS unreadable
    FROM left_to_move GROUP BY outcome
),
people AS MATERIALIZED (
    SELECT id FROM left_to_move WHERE outcome = 'move' UNION ALL SELECT id FROM customers WHERE id > 0
),
homes AS MATERIALIZED (
    SELECT p.id AS user_id, p.id AS customer_id FROM people p
    UNION
    SELECT m.user_id, m.customer_id FROM separation_merges m
        JOIN people p ON p.id = m.customer_id JOIN users u ON u.id = m.user_id AND u.is_customer
),
mentioned AS (
    SELECT coalesce(t.customer_id, t.user_id) AS user_id, t.restaurant_id FROM reservations t
    UNION
    SELECT coalesce(t.customer_id, t.user_id), t.restaurant_id FROM orders t
    UNION
    SELECT s.user_id, s.restaurant_id FROM restaurant_staff s WHERE s.role = 'STAFF'
),
pairs AS MATERIALIZED (
    SELECT DISTINCT h.customer_id, x.restaurant_id FROM mentioned x JOIN homes h USING (user_id)
),
links AS (
    SELECT x.customer_id, x.restaurant_id FROM pairs x
    UNION ALL
    SELECT p.id, r.id FROM people p CROSS JOIN (SELECT min(id) AS id FROM restaurants HAVING count(*) = 1) r
    WHERE NOT EXISTS (SELECT FROM pairs x WHERE x.customer_id = p.id)
),
by_restaurant AS (
    SELECT r.id, r.name, count(*) AS customers FROM links l JOIN restaurants r ON r.id = l.restaurant_id
    GROUP BY r.id, r.name
)
SELECT (SELECT coalesce(jsonb_agg(jsonb_build_array(outcome, customers, unreadable) ORDER BY outcome), '[]')
        FROM outcomes),
    (SELECT count(*) FROM reservations t JOIN homes h ON h.user_id = t.user_id WHERE t.customer_id IS NULL),
    (SELECT count(*) FROM orders t JOIN homes h ON h.user_id = t.user_id WHERE t.customer_id IS NULL),
    (SELECT coalesce(jsonb_agg(jsonb_build_array(id, name, customers) ORDER BY customers DESC, id), '[]')
        FROM by_restaurant)

-- name: reopen
-- Reopens the chunks in which somebody can move who has not.
UPDATE separation_chunks k SET state = 'pending', error = ''
WHERE k.state <> 'pending' AND EXISTS (
    SELECT FROM ({{classified}}) c
    WHERE c.outcome = 'move' AND c.id BETWEEN k.first_id AND k.last_id
        AND NOT EXISTS (SELECT FROM customers m WHERE m.id = c.id)
)
