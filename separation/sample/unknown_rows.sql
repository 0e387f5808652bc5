-- Rows of the tables that the models do not know.

-- name: tokens
-- A login for every fifth customer, a confirmed email for every twentieth, a forgotten password for every fiftieth.
INSERT INTO refresh_tokens (id, token, user_id, ip, user_agent, revoked, expires_at, created_at)
SELECT i / 5, md5('refresh-' || i), pg_temp.customer_id(i), ('203.0.113.' || pg_temp.pick(i, 301, 255))::inet,
       CASE pg_temp.pick(i, 302, 3) WHEN 0 THEN 'RestaurantApp/4.2 (Android 14)' WHEN 1 THEN 'RestaurantApp/4.2 (iOS 18.1)' END,
       pg_temp.pick(i, 303, 8) = 0, day + interval '30 days', day
FROM generate_series(5, pg_temp.customers(), 5) i,
     LATERAL (SELECT pg_temp.today() - interval '1 minute' * pg_temp.pick(i, 304, 43200)) AS times (day)
ORDER BY i;
INSERT INTO email_verification_tokens (id, token, user_id, expires_at, created_at)
SELECT i / 20, md5('verify-' || i)::uuid, pg_temp.customer_id(i), day + interval '1 day', day
FROM generate_series(20, pg_temp.customers(), 20) i,
     LATERAL (SELECT pg_temp.today() - interval '1 minute' * pg_temp.pick(i, 311, 43200)) AS times (day)
ORDER BY i;
INSERT INTO password_reset_tokens (id, token, user_id, used_at, expires_at, created_at)
SELECT i / 50, md5('reset-' || i), pg_temp.customer_id(i),
       CASE WHEN pg_temp.pick(i, 321, 2) = 0 THEN day + interval '4 minutes' END, day + interval '1 hour', day
FROM generate_series(50, pg_temp.customers(), 50) i,
     LATERAL (SELECT pg_temp.today() - interval '1 minute' * pg_temp.pick(i, 322, 43200)) AS times (day)
ORDER BY i;

-- name: logs
-- A line for every third reservation, and guests who registered afterwards or never.
INSERT INTO reservation_logs (id, reservation_id, user_id, action, details, created_at)
SELECT r.id / 3, r.id, CASE WHEN pg_temp.pick(r.id, 331, 6) > 0 THEN r.user_id END,
       CASE r.status WHEN 'CANCELLED' THEN 'cancelled' ELSE 'created' END,
       CASE pg_temp.pick(r.id, 332, 4) WHEN 0 THEN jsonb_build_object('party_size', r.party_size, 'by', NULL)
                                       WHEN 1 THEN '[]'::jsonb END, r.created_at
FROM reservations r
WHERE r.id % 3 = 0
ORDER BY r.id;
INSERT INTO guest_reservations (id, restaurant_id, guest_name, guest_email, guest_phone, party_size, reserved_for, user_id,
                                created_at, updated_at)
SELECT i / 20, 1 + pg_temp.pick(i, 341, pg_temp.restaurants()), u.name, CASE WHEN known THEN u.email END, u.phone,
       2 + pg_temp.pick(i, 342, 4), day + interval '19 hours', CASE WHEN known THEN u.id END,
       day - interval '2 days', day - interval '2 days'
FROM generate_series(20, pg_temp.customers(), 20) i
     JOIN users u ON u.id = pg_temp.customer_id(i),
     LATERAL (SELECT pg_temp.pick(i, 343, 2) = 0, pg_temp.today() - 300 + pg_temp.pick(i, 344, 300)::int) AS asked (known, day)
ORDER BY i;

-- name: issues
-- A complaint of every thirtieth customer, answered by the restaurant's manager.
INSERT INTO issues (id, title, body, labels, open, created_at, updated_at, user_id)
SELECT i / 30, (ARRAY['Charged twice', 'Confirmation never came', 'Table was too small'])[1 + pg_temp.pick(i, 351, 3)],
       E'Hello,\nplease have a look at my last visit.\n\tThank you', CASE WHEN i % 60 = 0 THEN ARRAY['billing', 'needs, care'] ELSE '{}' END,
       pg_temp.pick(i, 352, 3) = 0, day, day, pg_temp.customer_id(i)
FROM generate_series(30, pg_temp.customers(), 30) i,
     LATERAL (SELECT pg_temp.today() - interval '1 minute' * pg_temp.pick(i, 353, 400000)) AS times (day)
ORDER BY i;
INSERT INTO issue_comments (id, issue_id, body, created_at, user_id)
SELECT 2 * i.id - 1 + n, i.id, (ARRAY['We are looking into it.', 'That was kind, thank you!'])[n + 1],
       i.created_at + (n + 1) * interval '3 hours',
       CASE n WHEN 0 THEN pg_temp.staff_id(1 + i.id % pg_temp.restaurants(), 1) ELSE i.user_id END
FROM issues i, generate_series(0, 1) n
ORDER BY 1;

-- name: prep
-- A board of three columns for each owner, four cards in each.
INSERT INTO prep_columns (id, name, position, user_id)
SELECT (r - 1) * 3 + n, (ARRAY['To do', 'Under way', 'Done'])[n], n - 1, pg_temp.staff_id(r, 0)
FROM generate_series(1, pg_temp.restaurants()) r, generate_series(1, 3) n
ORDER BY 1;
INSERT INTO prep_tasks (id, title, done, hours, due_at, prep_column_id, user_id)
SELECT (c.id - 1) * 4 + n, (ARRAY['Stock for Friday', 'Fillet the fish', 'Bake bread', 'Order vegetables'])[n], c.name = 'Done',
       CASE WHEN n < 4 THEN n * 0.5 END, CASE WHEN n > 1 THEN pg_temp.today() + n * interval '1 day' END, c.id,
       c.user_id
FROM prep_columns c, generate_series(1, 4) n
ORDER BY 1;
