-- The same work as a chunk, as somebody would write it by hand for psql: the floor that execute is compared with.

-- name: batch
-- Moves the customers with ids from :first to :last, with all that is theirs.
INSERT INTO customers (id, email, password, first_name, last_name, phone, created_at, updated_at)
SELECT u.id, btrim(u.email), CASE WHEN u.password LIKE '$2%' THEN u.password ELSE '!' END,
    split_part(coalesce(u.name, ''), ' ', 1), substr(u.name, strpos(u.name || ' ', ' ') + 1),
    u.phone, u.created_at, u.updated_at
FROM users u
WHERE u.is_customer AND u.id BETWEEN :first AND :last AND u.role = 'USER' AND u.email LIKE '%@%'
    AND NOT EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id AND s.role <> 'STAFF')
    AND NOT EXISTS (SELECT FROM recipes r WHERE r.user_id = u.id)
    AND NOT EXISTS (SELECT FROM menus m WHERE m.user_id = u.id)
    AND NOT EXISTS (
        SELECT FROM users o WHERE o.is_customer AND o.id <> u.id
            AND lower(btrim(o.email, E' \t\n\r\f\x0b')) = lower(btrim(u.email, E' \t\n\r\f\x0b'))
    );
INSERT INTO customer_profiles (customer_id, created_at, updated_at)
SELECT c.id, c.created_at, c.updated_at FROM customers c WHERE c.id BETWEEN :first AND :last;
UPDATE reservations r SET customer_id = r.user_id FROM customers c
WHERE c.id = r.user_id AND r.user_id BETWEEN :first AND :last AND r.customer_id IS NULL;
UPDATE orders o SET customer_id = o.user_id FROM customers c
WHERE c.id = o.user_id AND o.user_id BETWEEN :first AND :last AND o.customer_id IS NULL;
INSERT INTO customer_restaurants (customer_id, restaurant_id, first_visit, last_visit, visit_count, total_spent)
SELECT customer_id, restaurant_id, min(visited_at), max(visited_at), count(visited_at), coalesce(sum(spent), 0)
FROM (
    SELECT r.customer_id, r.restaurant_id, CASE WHEN r.status = 'COMPLETED' THEN r.reservation_date END AS visited_at,
        NULL::numeric AS spent
    FROM reservations r WHERE r.customer_id BETWEEN :first AND :last
    UNION ALL
    SELECT o.customer_id, o.restaurant_id,
        CASE WHEN o.status = 'COMPLETED' AND v.status IS DISTINCT FROM 'COMPLETED' THEN o.created_at END,
        CASE WHEN o.status = 'COMPLETED' THEN o.total_amount END
    FROM orders o LEFT JOIN reservations v ON v.id = o.reservation_id WHERE o.customer_id BETWEEN :first AND :last
    UNION ALL
    SELECT s.user_id, s.restaurant_id, NULL, NULL
    FROM restaurant_staff s JOIN customers c ON c.id = s.user_id WHERE s.user_id BETWEEN :first AND :last
) e GROUP BY customer_id, restaurant_id;
