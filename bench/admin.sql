-- A platform as large as they come, by plain SQL, for looking at the admin's pages with it.

-- name: places
-- Fifty restaurants, each with an owner, and 10,000 staff among them.
INSERT INTO restaurants (name, slug, city, updated_at)
SELECT 'Restaurant ' || i, 'restaurant-' || i, 'Seville', now() FROM generate_series(1, 50) i;
INSERT INTO users (email, name, password, role, updated_at)
SELECT 'staff' || i || '@example.org', 'Sue Staff ' || i, 'none', 'USER', now() FROM generate_series(1, 10000) i;
INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at)
SELECT u.id, 1 + u.id %% 50, CASE WHEN u.id <= 100 THEN 'OWNER' ELSE 'STAFF' END::"StaffRole", now() FROM users u

-- name: people
-- Customers, each with a profile and one restaurant.
INSERT INTO customers (email, password, first_name, last_name, phone, email_verified, created_at)
SELECT 'carla.customer' || i || '@example.org', 'none',
    (ARRAY['Carla', 'Ana', 'Мария', 'فاطمة', 'Jürgen', 'Zoë', 'Lee'])[1 + i %% 7], 'Customer ' || i,
    '+34 600 ' || lpad((i %% 1000000)::text, 6, '0'), i %% 3 = 0, now() - i %% 1000 * interval '1 day'
FROM generate_series(1, %(customers)s) i;
INSERT INTO customer_profiles (customer_id) SELECT c.id FROM customers c
WHERE NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id);
INSERT INTO customer_restaurants (customer_id, restaurant_id, visit_count, total_spent)
SELECT c.id, 1 + c.id %% 50, 3, 36 FROM customers c

-- name: bookings
-- Three reservations and two orders of each.
INSERT INTO reservations (customer_name, customer_email, restaurant_id, party_size, reservation_date, reservation_time,
    status, table_ids, updated_at, customer_id)
SELECT 'Carla Customer', 'carla@example.org', 1 + c.id %% 50, 2,
    date_trunc('day', now()) + (c.id %% 700 - 690 + n) * interval '1 day', '19:30',
    CASE WHEN c.id %% 700 > 690 THEN 'CONFIRMED' ELSE 'COMPLETED' END::"ReservationStatus", '{}', now(), c.id
FROM customers c CROSS JOIN generate_series(1, 3) n;
INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, customer_id)
SELECT 'ORD-' || c.id || '-' || n, 1 + c.id %% 50, 'COMPLETED', 12.50 + n, now(), c.id
FROM customers c CROSS JOIN generate_series(1, 2) n

-- name: dishes
-- A hundred menus and recipes of each restaurant.
INSERT INTO recipes (name, instructions, tags, updated_at, user_id, restaurant_id)
SELECT 'Soup ' || i, 'Cook.', '{}', now(), 1 + i %% 100, 1 + i %% 50 FROM generate_series(1, 5000) i;
INSERT INTO menus (name, updated_at, user_id, restaurant_id)
SELECT 'Menu ' || i, now(), 1 + i %% 100, 1 + i %% 50 FROM generate_series(1, 5000) i

-- name: mails
-- The mails of a month.
INSERT INTO post_office_email (from_email, "to", cc, bcc, subject, message, html_message, created, last_updated,
    backend_alias, status)
SELECT 'restaurants@example.org', 'carla' || i || '@example.org', '', '', 'Your table', '', '', now(), now(), '', 0
FROM generate_series(1, 100000) i
