-- The ledger of chunks, and what remains to be done.

-- name: next_range
-- Gives the ids from the end of the ledger to the next `size` customers, without a gap, and how many they are.
SELECT max(u.id), count(*) FROM (
    SELECT id FROM users WHERE is_customer AND id > %(after)s ORDER BY id LIMIT %(size)s
) u

-- name: end_of_ledger
-- Gives the last id that any chunk covers, or the one before the first user.
SELECT coalesce((SELECT max(last_id) FROM separation_chunks), (SELECT min(id) - 1 FROM users), 0)

-- name: middle
-- Gives the id at which a chunk's customers fall into halves, and how many they are.
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id), count(*)
FROM users WHERE is_customer AND id BETWEEN %(first)s AND %(last)s

-- name: fail_row
-- Records that one person could not be moved, and why.
INSERT INTO separation_findings (kind, table_name, row_id, detail, run_id)
VALUES ('row_failed', 'users', %(id)s, jsonb_build_object('error', %(error)s::text), %(run)s)
ON CONFLICT (kind, table_name, row_id)
    DO UPDATE SET state = 'open', detail = excluded.detail, run_id = excluded.run_id, updated_at = now()

-- name: to_examine
-- Counts the customers of `users` that no finished chunk covers.
SELECT count(*) FROM users u
WHERE u.is_customer AND (
    u.id > %(after)s
    OR EXISTS (SELECT FROM separation_chunks k WHERE k.state = 'pending' AND u.id BETWEEN k.first_id AND k.last_id)
)

-- name: unexamined
-- Counts the customers of `users` who are not moved, and of whom no finding says why.
SELECT count(*) FROM users u
WHERE u.is_customer AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)
    AND NOT EXISTS (SELECT FROM separation_merges m WHERE m.user_id = u.id)
    AND NOT EXISTS (SELECT FROM separation_findings f
        WHERE f.table_name = 'users' AND f.row_id = u.id AND f.state <> 'gone' AND f.kind <> 'needs_password_reset')

-- name: split
-- Replaces a chunk by its two halves.
WITH second AS (
    INSERT INTO separation_chunks (run_id, first_id, last_id, state, counts, written, error)
    SELECT run_id, %(middle)s + 1, last_id, 'pending', '{}', '{}', '' FROM separation_chunks WHERE id = %(chunk)s
)
UPDATE separation_chunks SET last_id = %(middle)s WHERE id = %(chunk)s

-- name: unfinished
-- Counts the chunks that are not moved yet, or whose stragglers are not linked.
SELECT count(*) FROM separation_chunks WHERE state IN ('pending', 'moved')

-- name: analyze
-- Brings the planner's statistics of what is being filled up to date; waits for nobody.
ANALYZE (SKIP_LOCKED) customers, customer_profiles, customer_restaurants, reservations (customer_id),
    orders (customer_id)
