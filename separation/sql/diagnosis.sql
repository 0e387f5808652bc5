-- What is known of one person, on both sides; only reads.

-- name: found
-- Gives the ids of the people meant: by id, or by email in any case and without blanks, in users or in customers.
SELECT u.id FROM users u WHERE u.id = %(id)s OR {{email_key}} = lower(btrim(%(email)s, E' \t\n\r\f\x0b'))
UNION
SELECT c.id FROM customers c
WHERE c.id > 0 AND (c.id = %(id)s OR lower(c.email) = lower(btrim(%(email)s, E' \t\n\r\f\x0b')))
UNION
SELECT f.row_id::integer FROM separation_findings f WHERE f.table_name = 'users' AND f.row_id = %(id)s
ORDER BY 1

-- name: person
-- Gives one person: both emails, the legacy row's flag, role and times, the outcome, and whether a row stands on each side.
SELECT i.id, u.email, c.email, u.is_customer, u.role::text, u.created_at::text, u.updated_at::text, k.outcome,
    u.id IS NOT NULL, c.id IS NOT NULL, m.customer_id,
    ARRAY(SELECT o.user_id FROM separation_merges o WHERE o.customer_id = i.id ORDER BY 1),
    (SELECT count(*) FROM separation_pending p WHERE p.user_id = i.id)
FROM (SELECT %(id)s::integer AS id) i
    LEFT JOIN users u ON u.id = i.id
    LEFT JOIN customers c ON c.id = i.id
    LEFT JOIN separation_merges m ON m.user_id = i.id
    LEFT JOIN ({{classified_users}} WHERE u.id = %(id)s) k ON k.id = i.id

-- name: bookings
-- Counts this person's reservations and orders by user_id, and by customer_id, and the restaurants that know the customer.
SELECT (SELECT count(*) FROM reservations t WHERE t.user_id = %(id)s),
    (SELECT count(*) FROM reservations t WHERE t.customer_id = %(id)s),
    (SELECT count(*) FROM orders t WHERE t.user_id = %(id)s),
    (SELECT count(*) FROM orders t WHERE t.customer_id = %(id)s),
    (SELECT count(*) FROM customer_restaurants l WHERE l.customer_id = %(id)s)
