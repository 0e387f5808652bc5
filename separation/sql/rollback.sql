-- The purge after a roll-back: the new tables go back to what they were just after `migrate`, range by range.

-- name: next_range
-- Gives the first and last id of the next `size` customers to purge, and how many they are.
SELECT min(c.id), max(c.id), count(*) FROM (
    SELECT id FROM customers WHERE id > 0 ORDER BY id LIMIT %(size)s
) c

-- name: part
-- Parts people from those they were merged into; that they are merged stays on record for the next execute.
SELECT separation_part(ARRAY(
    SELECT m.user_id FROM separation_merges m WHERE m.customer_id BETWEEN %(first)s AND %(last)s))

-- name: unlink_reservations
-- Empties each customer_id that the migration filled, and none that stood there before.
UPDATE reservations t SET customer_id = NULL
WHERE t.user_id BETWEEN %(first)s AND %(last)s AND t.customer_id = t.user_id
    AND EXISTS (SELECT FROM customers c WHERE c.id = t.user_id)
    AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'reservations' AND u.row_id = t.id)

-- name: unlink_orders
-- Empties each customer_id that the migration filled, and none that stood there before.
UPDATE orders t SET customer_id = NULL
WHERE t.user_id BETWEEN %(first)s AND %(last)s AND t.customer_id = t.user_id
    AND EXISTS (SELECT FROM customers c WHERE c.id = t.user_id)
    AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'orders' AND u.row_id = t.id)

-- name: drop_profiles
-- Deletes the profiles that the migration made.
DELETE FROM customer_profiles WHERE customer_id BETWEEN %(first)s AND %(last)s AND user_id IS NULL

-- name: release_profiles
-- Takes the profiles that the legacy database brought along back from their customers.
UPDATE customer_profiles SET customer_id = NULL WHERE customer_id BETWEEN %(first)s AND %(last)s

-- name: drop_customers
-- Deletes the customers; their restaurant links and sessions go with them.
DELETE FROM customers WHERE id BETWEEN %(first)s AND %(last)s

-- name: to_forget
-- True while anything is remembered that the end of a roll-back forgets.
SELECT EXISTS (SELECT FROM separation_chunks) OR EXISTS (SELECT FROM separation_pending)
    OR EXISTS (SELECT FROM separation_undo WHERE table_name IN ('reservations', 'orders'))

-- name: forget
-- Empties the ledger, the queue and what was remembered for this moment; runs, findings and logs stay.
WITH undo AS (DELETE FROM separation_undo), queue AS (DELETE FROM separation_pending)
DELETE FROM separation_chunks
