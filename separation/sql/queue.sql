-- The mirror's queue: people whom a trigger could not bring into step at once.

-- name: take
-- Locks the next people in the queue, those that no other session works on, and gives their ids and the last of them.
WITH taken AS MATERIALIZED (
    SELECT user_id FROM separation_pending WHERE user_id > %(after)s ORDER BY user_id, id LIMIT %(size)s
    FOR UPDATE SKIP LOCKED
)
SELECT ARRAY(SELECT DISTINCT user_id FROM taken ORDER BY user_id), max(user_id) FROM taken

-- name: lock_users
-- Locks those of the people whom no other session holds, in id order; gives them, and those who are not there any more.
WITH locked AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id = ANY (%(ids)s::integer[]) ORDER BY u.id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT ARRAY(
    SELECT i.id FROM unnest(%(ids)s::integer[]) i (id)
    WHERE i.id IN (SELECT id FROM locked) OR NOT EXISTS (SELECT FROM users u WHERE u.id = i.id)
    ORDER BY i.id)

-- name: refresh_reservations
-- Brings what is remembered of these people's reservations into step with what the old application wrote there since.
UPDATE separation_undo u SET customer_id = t.customer_id FROM reservations t
WHERE u.table_name = 'reservations' AND u.row_id = t.id AND u.customer_id <> t.customer_id
    AND (t.user_id = ANY (%(ids)s::integer[]) OR t.customer_id = ANY (%(ids)s::integer[]))

-- name: refresh_orders
-- Brings what is remembered of these people's orders into step with what the old application wrote there since.
UPDATE separation_undo u SET customer_id = t.customer_id FROM orders t
WHERE u.table_name = 'orders' AND u.row_id = t.id AND u.customer_id <> t.customer_id
    AND (t.user_id = ANY (%(ids)s::integer[]) OR t.customer_id = ANY (%(ids)s::integer[]))

-- name: done
-- Takes people out of the queue: their rows that were there before they were brought into step.
DELETE FROM separation_pending WHERE user_id = ANY (%(ids)s::integer[])
