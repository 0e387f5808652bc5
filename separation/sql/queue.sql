-- The mirror's queue: people whom a trigger could not bring into step at once.

-- name: everybody
-- Queues all customers, and whom an open finding keeps back, in place of the mark that a TRUNCATE left; idempotent.
WITH marked AS (
    DELETE FROM separation_pending WHERE id IN (
        SELECT p.id FROM separation_pending p WHERE p.user_id = -2147483648 FOR UPDATE SKIP LOCKED)
    RETURNING id
)
INSERT INTO separation_pending (user_id)
SELECT p.id FROM (
    SELECT c.id FROM customers c WHERE c.id > 0
    UNION
    SELECT f.row_id FROM separation_findings f WHERE f.table_name = 'users' AND f.state = 'open'
) p
WHERE EXISTS (SELECT FROM marked)

-- name: first
-- Gives the next person in the queue after an id, null at its end.
SELECT min(user_id) FROM separation_pending WHERE user_id > %(after)s

-- name: take
-- Locks the next people in the queue, those that no other session works on, and gives them with those they are merged
-- with, the last of them, and the rows of the queue.
WITH taken AS MATERIALIZED (
    SELECT id, user_id FROM separation_pending WHERE user_id > %(after)s ORDER BY user_id, id LIMIT %(size)s
    FOR UPDATE SKIP LOCKED
)
SELECT ARRAY(
    SELECT user_id FROM taken
    UNION SELECT m.customer_id FROM separation_merges m JOIN taken t ON t.user_id = m.user_id
    UNION SELECT m.user_id FROM separation_merges m JOIN taken t ON t.user_id = m.customer_id
    ORDER BY 1), max(user_id), array_agg(id) FROM taken

-- name: lock_people
-- Locks people with everything of theirs that the mirror may write, waiting for nobody: gives those who are wholly
-- locked by now, or not there any more.
WITH people AS (SELECT i.id FROM unnest(%(ids)s::integer[]) i (id)),
mine AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id = ANY (%(ids)s::integer[]) ORDER BY u.id FOR NO KEY UPDATE SKIP LOCKED
),
moved AS MATERIALIZED (
    SELECT c.id FROM customers c WHERE c.id = ANY (%(ids)s::integer[]) ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
),
profiled AS MATERIALIZED (
    SELECT p.id FROM customer_profiles p WHERE p.user_id = ANY (%(ids)s::integer[]) FOR NO KEY UPDATE SKIP LOCKED
),
reserved AS MATERIALIZED (
    SELECT t.id FROM reservations t WHERE t.user_id = ANY (%(ids)s::integer[]) FOR NO KEY UPDATE SKIP LOCKED
),
ordered AS MATERIALIZED (
    SELECT t.id FROM orders t WHERE t.user_id = ANY (%(ids)s::integer[]) FOR NO KEY UPDATE SKIP LOCKED
),
held AS (
    (SELECT u.id FROM users u WHERE u.id = ANY (%(ids)s::integer[]) EXCEPT SELECT id FROM mine)
    UNION
    (SELECT c.id FROM customers c WHERE c.id = ANY (%(ids)s::integer[]) EXCEPT SELECT id FROM moved)
    UNION
    SELECT p.user_id FROM customer_profiles p
    WHERE p.user_id = ANY (%(ids)s::integer[]) AND p.id NOT IN (SELECT id FROM profiled)
    UNION
    SELECT t.user_id FROM reservations t
    WHERE t.user_id = ANY (%(ids)s::integer[]) AND t.id NOT IN (SELECT id FROM reserved)
    UNION
    SELECT t.user_id FROM orders t
    WHERE t.user_id = ANY (%(ids)s::integer[]) AND t.id NOT IN (SELECT id FROM ordered)
)
SELECT ARRAY(SELECT id FROM people EXCEPT SELECT id FROM held ORDER BY id)

-- name: refresh_reservations
-- Brings what is remembered of these people's reservations into step with what the old application wrote there since.
UPDATE separation_undo u SET customer_id = t.customer_id FROM reservations t
WHERE u.table_name = 'reservations' AND u.row_id = t.id AND u.customer_id <> t.customer_id
    AND NOT EXISTS (
        SELECT FROM separation_merges m WHERE m.user_id = u.customer_id AND m.customer_id = t.customer_id)
    AND (t.user_id = ANY (%(ids)s::integer[]) OR t.customer_id = ANY (%(ids)s::integer[]))

-- name: refresh_orders
-- Brings what is remembered of these people's orders into step with what the old application wrote there since.
UPDATE separation_undo u SET customer_id = t.customer_id FROM orders t
WHERE u.table_name = 'orders' AND u.row_id = t.id AND u.customer_id <> t.customer_id
    AND NOT EXISTS (
        SELECT FROM separation_merges m WHERE m.user_id = u.customer_id AND m.customer_id = t.customer_id)
    AND (t.user_id = ANY (%(ids)s::integer[]) OR t.customer_id = ANY (%(ids)s::integer[]))

-- name: done
-- Takes people out of the queue: the rows that were taken, and none that came meanwhile.
DELETE FROM separation_pending WHERE id = ANY (%(rows)s::integer[]) AND user_id = ANY (%(ids)s::integer[])
