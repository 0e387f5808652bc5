-- What must hold while the customers leave `users`, and after. As in invariants.sql, nothing here is shared with what
-- moves rows, and each relation has a row for everything it looks at.

-- name: done
-- True once nobody in users is a customer any more.
((SELECT p.name FROM separation_phase p) = 'separated')

-- name: blanks
-- What counts as a blank in an email.
E' \t\n\r\f\u000B'

-- name: baseline
-- What was counted before the first customer left.
SELECT r.baseline FROM separation_runs r WHERE r.kind = 'cleanup' AND r.baseline <> '{}' ORDER BY r.id LIMIT 1

-- name: archived_users
-- The ids of the users that are in the archive as gone.
SELECT a.row_id::integer AS id, count(*) AS times FROM separation_archive a
WHERE a.table_name = 'users' AND a.gone GROUP BY a.row_id

-- name: users
-- Each user: marked as a customer, or gone by what the archive says.
SELECT u.id, CASE WHEN {{done}} THEN NOT u.is_customer END AS customers_gone, a.id IS NULL AS archived_are_gone
FROM users u LEFT JOIN ({{archived_users}}) a ON a.id = u.id

-- name: closed
-- The table users, as the one row there is.
SELECT 'users' AS id, EXISTS (
    SELECT FROM pg_constraint k WHERE k.conrelid = 'users'::regclass AND k.contype = 'c'
        AND strpos(pg_get_constraintdef(k.oid), '(NOT is_customer)') > 0 AND (k.convalidated OR NOT {{done}})
) AS users_closed

-- name: archived
-- Each user who is gone: archived once, and a customer by now, or merged into one, or of whom the customer went since.
SELECT a.id, a.times = 1 AS archived_once
FROM ({{archived_users}}) a

-- name: people
-- The customers of users before the first left, against those archived, those left, and those who stay as users.
SELECT 'users' AS id,
    (SELECT (b.baseline -> 'users' ->> 'rows')::bigint FROM ({{baseline}}) b) = count(*)
        AND (SELECT (b.baseline -> 'users' ->> 'checksum')::numeric FROM ({{baseline}}) b)
            = coalesce(sum(hashtextextended(p.id::text, 0)::numeric), 0) AS everybody_archived,
    concat(count(*), ' people now, ', (SELECT b.baseline -> 'users' ->> 'rows' FROM ({{baseline}}) b), ' before')
        AS detail
FROM (
    SELECT id FROM ({{archived_users}}) a
    UNION SELECT u.id FROM users u WHERE u.is_customer
    UNION SELECT a.row_id::integer FROM separation_archive a WHERE a.table_name = 'users' AND NOT a.gone
) p

-- name: reservations
-- Each reservation: whose it is.
SELECT t.id,
    num_nonnulls(t.user_id, t.customer_id) > 0 AS reservations_have_somebody,
    CASE WHEN t.customer_id IS NOT NULL AND {{done}} THEN c.id IS NOT NULL END AS reservations_lead_somewhere,
    CASE WHEN t.user_id IS NOT NULL THEN u.id IS NOT NULL OR f.row_id IS NOT NULL END AS reservation_users_there
FROM reservations t
    LEFT JOIN customers c ON c.id = t.customer_id AND c.id > 0
    LEFT JOIN users u ON u.id = t.user_id
    LEFT JOIN separation_findings f ON f.kind = 'orphan' AND f.table_name = 'reservations' AND f.row_id = t.id

-- name: orders
-- Each order: whose it is.
SELECT t.id,
    num_nonnulls(t.user_id, t.customer_id) > 0 AS orders_have_somebody,
    CASE WHEN t.customer_id IS NOT NULL AND {{done}} THEN c.id IS NOT NULL END AS orders_lead_somewhere,
    CASE WHEN t.user_id IS NOT NULL THEN u.id IS NOT NULL OR f.row_id IS NOT NULL END AS order_users_there
FROM orders t
    LEFT JOIN customers c ON c.id = t.customer_id AND c.id > 0
    LEFT JOIN users u ON u.id = t.user_id
    LEFT JOIN separation_findings f ON f.kind = 'orphan' AND f.table_name = 'orders' AND f.row_id = t.id

-- name: keys
-- Each foreign key of what is the customers': no delete of a user or a customer may take it along, and none is disarmed.
SELECT concat(k.conrelid::regclass, '.', a.attname) AS id,
    CASE WHEN {{done}} AND k.conrelid IN ('reservations'::regclass, 'orders'::regclass)
            OR {{done}} AND k.conrelid = 'customer_profiles'::regclass
        THEN k.confdeltype IN ('a', 'r', 'n') END AS keys_safe,
    CASE WHEN {{done}} AND a.attname = 'customer_id' AND k.conrelid IN ('reservations'::regclass, 'orders'::regclass)
        THEN k.confrelid = 'customers'::regclass AND k.convalidated END AS keys_lead_to_customers,
    CASE WHEN {{done}} THEN strpos(coalesce(obj_description(k.oid, 'pg_constraint'), ''), 'cleanup_legacy') = 0 END
        AS keys_rearmed
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid IN ('users'::regclass, 'customers'::regclass)

-- name: emails
-- Each email in lower case, with the customers who have it.
SELECT min(id) AS id, count(*) = 1 AS emails_unique, concat('customers ', min(id), ' and ', max(id)) AS detail
FROM customers WHERE id > 0 GROUP BY lower(email)

-- name: customers
-- Each customer, with the profiles that say they are theirs.
SELECT c.id,
    length(c.email) - length(replace(c.email, '@', '')) = 1 AND translate(c.email, {{blanks}}, '') = c.email
        AS emails_are_addresses,
    left(c.password, 4) IN ('$2a$', '$2b$', '$2y$') OR starts_with(c.password, 'argon2$argon2id$')
        OR left(c.password, 1) = '!' AS passwords_readable,
    CASE WHEN {{done}} THEN c.id > 0 END AS nobody_parked,
    count(p.id) <= 1 AS one_profile_each
FROM customers c LEFT JOIN customer_profiles p ON p.customer_id = c.id WHERE c.id > 0 OR {{done}} GROUP BY c.id

-- name: profile_owners
-- Each profile that names a customer or a user.
SELECT p.id, CASE WHEN p.customer_id IS NOT NULL THEN c.id IS NOT NULL END AS profiles_lead_somewhere,
    CASE WHEN p.user_id IS NOT NULL THEN u.id IS NOT NULL END AS profile_users_there
FROM customer_profiles p LEFT JOIN customers c ON c.id = p.customer_id LEFT JOIN users u ON u.id = p.user_id

-- name: link_owners
-- Each link of a customer to a restaurant.
SELECT l.id, c.id IS NOT NULL AND r.id IS NOT NULL AS links_lead_somewhere
FROM customer_restaurants l
    LEFT JOIN customers c ON c.id = l.customer_id LEFT JOIN restaurants r ON r.id = l.restaurant_id

-- name: visits
-- Each customer at each restaurant of a booking of theirs or of a link: what the bookings say beside what the link says.
WITH stays AS (
    SELECT t.customer_id, t.restaurant_id, t.reservation_date AS at FROM reservations t WHERE t.status = 'COMPLETED'
    UNION ALL
    SELECT o.customer_id, o.restaurant_id, o.created_at FROM orders o
    WHERE o.status = 'COMPLETED'
        AND NOT EXISTS (SELECT FROM reservations t WHERE t.id = o.reservation_id AND t.status = 'COMPLETED')
),
came AS (
    SELECT customer_id, restaurant_id, count(*) AS visits, min(at) AS first_at, max(at) AS last_at
    FROM stays GROUP BY customer_id, restaurant_id
),
paid AS (
    SELECT o.customer_id, o.restaurant_id, sum(o.total_amount) FILTER (WHERE o.status = 'COMPLETED') AS spent
    FROM orders o GROUP BY o.customer_id, o.restaurant_id
),
booked AS (SELECT DISTINCT t.customer_id, t.restaurant_id FROM reservations t),
due AS (
    SELECT customer_id, restaurant_id, came.visits, came.first_at, came.last_at, paid.spent
    FROM booked FULL JOIN paid USING (customer_id, restaurant_id) LEFT JOIN came USING (customer_id, restaurant_id)
    WHERE customer_id IN (SELECT c.id FROM customers c WHERE c.id > 0)
)
SELECT coalesce(d.customer_id, l.customer_id) AS id,
    CASE WHEN {{done}} THEN l.id IS NOT NULL AND l.visit_count = coalesce(d.visits, 0)
        AND l.total_spent = coalesce(d.spent, 0) AND l.first_visit IS NOT DISTINCT FROM d.first_at
        AND l.last_visit IS NOT DISTINCT FROM d.last_at END AS visits_right,
    concat('customer ', coalesce(d.customer_id, l.customer_id), ' at restaurant ',
        coalesce(d.restaurant_id, l.restaurant_id)) AS detail
FROM due d FULL JOIN (SELECT * FROM customer_restaurants WHERE customer_id > 0) l
    ON l.customer_id = d.customer_id AND l.restaurant_id = d.restaurant_id

-- name: session_owners
-- Each log-in of a customer.
SELECT s.id, c.id IS NOT NULL AS sessions_lead_somewhere
FROM customer_sessions s LEFT JOIN customers c ON c.id = s.customer_id

-- name: secrets
-- Each archived row: none holds what opens an account.
SELECT a.id, NOT (
        array_to_string(a.columns, ' ') ~* 'password|token|secret' OR array_to_string(a."values", ' ') ~ '\$2[aby]\$\d\d\$|\$argon2'
    ) AS archive_without_secrets
FROM separation_archive a

-- name: ledger
-- Each table from which clean-up deleted rows, as its runs counted, beside what the archive holds of it.
SELECT coalesce(c.name, a.table_name) AS id, coalesce(c.rows, 0) = coalesce(a.rows, 0) AS deleted_archived,
    concat(coalesce(c.name, a.table_name), ': ', coalesce(c.rows, 0), ' deleted, ', coalesce(a.rows, 0), ' archived')
        AS detail
FROM (
    SELECT substr(k.key, 9) AS name, sum(k.value::bigint) AS rows
    FROM separation_runs r CROSS JOIN LATERAL jsonb_each_text(r.counts) k
    WHERE r.kind = 'cleanup' AND starts_with(k.key, 'deleted ') GROUP BY k.key
) c FULL JOIN (
    SELECT table_name, count(*) AS rows FROM separation_archive WHERE gone GROUP BY table_name
) a ON a.table_name = c.name

-- name: leftovers
-- Each trigger and function of the mirror: gone with the customers.
SELECT t.tgname || ' on ' || t.tgrelid::regclass AS id, NOT {{done}} AS mirror_gone FROM pg_trigger t
WHERE t.tgname ~ '^(zz_)?separation_' AND NOT t.tgisinternal
UNION ALL
SELECT p.oid::regprocedure::text, NOT {{done}} FROM pg_proc p
WHERE p.proname LIKE 'separation\_%%' AND p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'users'::regclass)
