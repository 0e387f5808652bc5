-- What follows the last chunk: stragglers, people deleted meanwhile, and the findings that are about no customer.

-- name: link_reservations
-- Links the reservations that moved customers wrote while their chunk was open or after it.
WITH linked AS (
    UPDATE reservations t SET customer_id = t.user_id FROM customers c
    WHERE t.customer_id IS NULL AND c.id = t.user_id
    RETURNING t.user_id
)
SELECT k.first_id, k.last_id, count(*) FROM linked l JOIN separation_chunks k ON l.user_id BETWEEN k.first_id AND k.last_id
GROUP BY k.first_id, k.last_id ORDER BY k.first_id

-- name: link_orders
-- Links the orders that moved customers wrote while their chunk was open or after it.
WITH linked AS (
    UPDATE orders t SET customer_id = t.user_id FROM customers c
    WHERE t.customer_id IS NULL AND c.id = t.user_id
    RETURNING t.user_id
)
SELECT k.first_id, k.last_id, count(*) FROM linked l JOIN separation_chunks k ON l.user_id BETWEEN k.first_id AND k.last_id
GROUP BY k.first_id, k.last_id ORDER BY k.first_id

-- name: remove_deleted
-- Removes the customers whom the old application deleted from `users` since they were moved, as it would have.
WITH gone AS (
    SELECT c.id FROM customers c
    WHERE c.id > 0 AND NOT EXISTS (SELECT FROM users u WHERE u.id = c.id)
),
profiles AS (
    DELETE FROM customer_profiles p USING gone WHERE p.customer_id = gone.id AND p.user_id IS NULL
),
noted AS (
    INSERT INTO separation_findings (kind, table_name, row_id, run_id)
    SELECT 'deleted_meanwhile', 'users', id, %(run)s FROM gone
    ON CONFLICT (kind, table_name, row_id) DO NOTHING
)
DELETE FROM customers c USING gone WHERE c.id = gone.id

-- name: of_rows
-- What is to be found about rows: reservations and orders whose user does not exist, menus and recipes whose restaurant
-- cannot be told from their author, orders at another restaurant than the reservation they belong to.
SELECT 'orphan' AS kind, 'reservations' AS table_name, t.id AS row_id FROM reservations t
WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)
UNION ALL
SELECT 'orphan', 'orders', t.id FROM orders t
WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)
UNION ALL
SELECT 'no_restaurant', 'menus', m.id FROM menus m WHERE m.restaurant_id IS NULL
UNION ALL
SELECT 'no_restaurant', 'recipes', r.id FROM recipes r WHERE r.restaurant_id IS NULL
UNION ALL
SELECT 'restaurant_mismatch', 'orders', o.id
FROM orders o JOIN reservations r ON r.id = o.reservation_id WHERE r.restaurant_id <> o.restaurant_id

-- name: find_rows
-- Records what there is to be found about rows; what was decided and does not hold any more is open again. What is of nobody,
-- as history, stays so.
INSERT INTO separation_findings (kind, table_name, row_id, run_id)
SELECT o.kind, o.table_name, o.row_id, %(run)s FROM ({{of_rows}}) o
ON CONFLICT (kind, table_name, row_id)
    DO UPDATE SET state = 'open', updated_at = now()
    WHERE separation_findings.state = 'gone'
        OR separation_findings.state = 'settled' AND separation_findings.decision <> 'archive'

-- name: found_now
-- Whether there is something of a kind to be found about one row, now.
SELECT EXISTS (SELECT FROM ({{of_rows}}) o
    WHERE o.kind = %(kind)s AND o.table_name = %(table)s AND o.row_id = %(id)s)

-- name: abandon
-- Forgets whose an earlier attempt's row was, where that customer is not there any more.
DELETE FROM separation_undo u
WHERE u.table_name = 'customers' AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.customer_id)

-- name: no_user
-- Records the rows of an earlier attempt that are of nobody: of no customer, and of none who is kept back.
INSERT INTO separation_findings (kind, table_name, row_id, run_id)
SELECT 'no_user', 'customers', p.id, %(run)s FROM customers p
WHERE p.id < 0
    AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'customers' AND u.row_id = p.id)
    AND p.id NOT IN (SELECT e.earlier_id FROM separation_earlier(ARRAY(
        SELECT u.id FROM users u WHERE u.is_customer AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)
    )) e)
ON CONFLICT (kind, table_name, row_id)
    DO UPDATE SET state = 'open', updated_at = now() WHERE separation_findings.state = 'gone'

-- name: settle_gone
-- Marks as gone the open findings about people who have moved since, are no customers any more, or are not there.
UPDATE separation_findings f SET state = 'gone', updated_at = now()
WHERE (f.state = 'open' OR f.state = 'settled' AND f.decision IN ('staff', 'left')) AND f.table_name = 'users'
    AND CASE WHEN f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed')
        THEN EXISTS (SELECT FROM customers c WHERE c.id = f.row_id)
            OR NOT EXISTS (SELECT FROM users u WHERE u.id = f.row_id AND u.is_customer)
        WHEN f.kind = 'needs_password_reset'
        THEN NOT EXISTS (SELECT FROM customers c
            WHERE c.id = f.row_id AND c.password LIKE '!%%' AND c.anonymized_at IS NULL)
        ELSE false END

-- name: forget_deleted
-- Keeps nothing that was set aside of people who are not in users any more.
UPDATE separation_findings f SET state = 'gone', detail = '{}', updated_at = now()
WHERE f.kind = 'set_aside' AND f.state <> 'gone' AND NOT EXISTS (SELECT FROM users u WHERE u.id = f.row_id)

-- name: settle_gone_rows
-- Marks as gone the open findings about reservations, orders, menus and recipes that are right now.
UPDATE separation_findings f SET state = 'gone', updated_at = now()
WHERE f.state = 'open' AND f.table_name <> 'users' AND NOT CASE f.kind
    WHEN 'orphan' THEN EXISTS (
        SELECT FROM reservations t WHERE f.table_name = 'reservations' AND t.id = f.row_id
            AND t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)
        UNION ALL
        SELECT FROM orders t WHERE f.table_name = 'orders' AND t.id = f.row_id
            AND t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id))
    WHEN 'no_restaurant' THEN EXISTS (
        SELECT FROM menus m WHERE f.table_name = 'menus' AND m.id = f.row_id AND m.restaurant_id IS NULL
        UNION ALL
        SELECT FROM recipes r WHERE f.table_name = 'recipes' AND r.id = f.row_id AND r.restaurant_id IS NULL)
    WHEN 'restaurant_mismatch' THEN EXISTS (
        SELECT FROM orders o JOIN reservations r ON r.id = o.reservation_id
        WHERE o.id = f.row_id AND r.restaurant_id <> o.restaurant_id)
    WHEN 'no_user' THEN EXISTS (SELECT FROM customers p WHERE p.id = f.row_id) AND NOT EXISTS (
        SELECT FROM separation_undo u WHERE u.table_name = 'customers' AND u.row_id = f.row_id)
    ELSE true END

-- name: stragglers
-- Counts the reservations and orders of moved customers that are not linked, the customers who are deleted in users, and
-- what is not on record about rows though a run has begun.
SELECT (SELECT count(*) FROM reservations t JOIN customers c ON c.id = t.user_id WHERE t.customer_id IS NULL)
    + (SELECT count(*) FROM orders t JOIN customers c ON c.id = t.user_id WHERE t.customer_id IS NULL)
    + (SELECT count(*) FROM customers c WHERE c.id > 0 AND NOT EXISTS (SELECT FROM users u WHERE u.id = c.id))
    + (SELECT count(*) FROM ({{of_rows}}) o
        WHERE EXISTS (SELECT FROM separation_chunks) AND NOT EXISTS (
            SELECT FROM separation_findings f WHERE f.kind = o.kind AND f.table_name = o.table_name
                AND f.row_id = o.row_id AND f.state <> 'gone'))

-- name: mark_linked
-- Takes the chunks whose stragglers are linked to their last state.
UPDATE separation_chunks SET state = 'linked' WHERE state = 'moved'
