-- Dirty: everything awkward that has been seen in such a database, on top of a plain one.

-- name: schema
-- Phone numbers of any length, and no key that keeps reservations and orders of users who are gone from staying.
ALTER TABLE users ALTER COLUMN phone TYPE text;
ALTER TABLE reservations DROP CONSTRAINT reservations_user_id_fkey;
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;

-- name: people
-- Odd emails, names, passwords, phones and times; each row says what the migration must find about it, if anything.
CREATE TEMP TABLE sample_odd (
    k serial,
    finding text,
    email text NOT NULL,
    name text,
    password text NOT NULL DEFAULT pg_temp.customer_password(1),
    role "UserRole" NOT NULL DEFAULT 'USER',
    phone text,
    created_at timestamp(3) NOT NULL DEFAULT pg_temp.today() - interval '400 days',
    updated_at timestamp(3) NOT NULL DEFAULT pg_temp.today() - interval '300 days'
);
INSERT INTO sample_odd (finding, email, name) VALUES
    ('duplicate_email', 'double@example.org', 'Dora Double'),
    ('duplicate_email', 'Double@Example.org', 'Dora Double'),
    ('duplicate_email', '  double@example.org ', 'Dora Double'),
    ('duplicate_email', 'tabbed@example.org', 'Tabea Tabbed'),
    ('duplicate_email', E'tabbed@example.org\t', 'Tabea Tabbed'),
    ('invalid_email', '', 'Nobody Home'),
    ('invalid_email', '   ', 'Nobody Home Either'),
    ('invalid_email', 'not-an-address', 'Nadia Nowhere'),
    ('invalid_email', '@example.org', 'Lone Domain'),
    ('invalid_email', 'someone@', 'Some One'),
    ('invalid_email', 'two words@example.org', 'Two Words'),
    (NULL, '  blanks.around@example.org  ', 'Blanka Around'),
    (NULL, E'\ttab.before@example.org', 'Tab Before'),
    (NULL, 'ALL.CAPITALS@EXAMPLE.ORG', 'ALL CAPITALS'),
    (NULL, 'o''brien+table@example.org', 'Siobhán O''Brien'),
    (NULL, 'käthe@bücher.example', 'Käthe Bücher'),
    (NULL, 'null.name@example.org', NULL),
    (NULL, 'empty.name@example.org', ''),
    (NULL, 'blank.name@example.org', '   '),
    (NULL, 'one.word@example.org', 'Prince'),
    (NULL, 'five.words@example.org', 'María de los Ángeles Fuentes'),
    (NULL, 'cyrillic@example.org', 'Анна-Мария Петровна Ёлкина'),
    (NULL, 'arabic@example.org', 'عبد الرحمن بن خالد'),
    (NULL, 'tabs@example.org', E'\tAda\t \tLovelace\n'),
    (NULL, 'quotes@example.org', E'"Bobby" \\N O''Table\\; DROP --'),
    (NULL, 'emoji@example.org', '👩‍👩‍👧 Família 🇧🇷'),
    (NULL, 'combining@example.org', E'Zoe\u0308 Cafe\u0301'),
    (NULL, 'rtl@example.org', E'\u202Egnp.exe\u202C Spoof'),
    (NULL, 'invisible@example.org', E'\uFEFFZero\u200B Width\u00A0Space'),
    (NULL, 'noncharacter@example.org', E'Edge \uFFFF\U0010FFFF'),
    (NULL, 'controls@example.org', E'Bell\u0007 Escape\u001B[31m'),
    (NULL, 'long.name@example.org', repeat('Wolfeschlegelstein', 17) || ' Hubert'),
    (NULL, 'no.visit@example.org', 'Neva Visited'),
    (NULL, 'two.houses@example.org', 'Wanda Wanderer'),
    (NULL, 'closed.house@example.org', 'Closed Regular'),
    (NULL, 'former.waiter@example.org', 'Former Waiter'),
    (NULL, 'present.waiter@example.org', 'Present Waiter'),
    ('staff_marked_as_customer', 'manager.guest@example.org', 'Mona Manager'),
    ('staff_marked_as_customer', 'two.owners@example.org', 'Otto Owner'),
    ('staff_marked_as_customer', 'recipe.author@example.org', 'Rita Recipe'),
    ('staff_marked_as_customer', 'menu.author@example.org', 'Mena Menu');
INSERT INTO sample_odd (finding, email, name, role) VALUES
    ('staff_marked_as_customer', 'admin.guest@example.org', 'Ada Admin', 'ADMIN'),
    ('staff_marked_as_customer', 'superadmin.guest@example.org', 'Sue Superadmin', 'SUPERADMIN');
INSERT INTO sample_odd (finding, email, name, password) VALUES
    ('needs_password_reset', 'empty.password@example.org', 'Emil Empty', ''),
    ('needs_password_reset', 'sha1@example.org', 'Shari Sha', '8843d7f92416211de9ebb963ff4ce28125932878'),
    ('needs_password_reset', 'salted.sha1@example.org', 'Sally Salted', 'sha1$a1b2c$8843d7f92416211de9ebb963ff4ce28125932878'),
    ('needs_password_reset', 'plain.text@example.org', 'Petra Plain', 'password123'),
    ('needs_password_reset', 'cut.off@example.org', 'Curt Cutoff', '$2b$10$nQRm0UO3DVH8G3lI6dp5gO'),
    ('needs_password_reset', 'marker@example.org', 'Marek Marker', 'MIGRATED_TO_CUSTOMERS_TABLE'),
    -- Raw bcrypt of 'demo-customer-1', as PHP writes it.
    (NULL, 'php@example.org', 'Phil Hypertext', '$2y$10$SFkHcIbxt9yoI4kEU76GeegM1hZT6oFqgEvJmEATccWXy.fOHFhDq');
INSERT INTO sample_odd (email, name, phone) VALUES
    ('long.phone@example.org', 'Phoebe Long', '+1 201-555-0100 or +1 201-555-0101, ask for Phoebe, extn. 99'),
    ('empty.phone@example.org', 'Effie Phone', ''),
    ('words.phone@example.org', 'Wilma Phone', E'none,\tplease write');
INSERT INTO sample_odd (email, name, created_at, updated_at) VALUES
    ('year.one@example.org', 'Justus Early', '0001-01-01 00:00:00', '0001-01-01 00:00:00.001'),
    ('year.9999@example.org', 'Stella Late', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999'),
    ('infinity@example.org', 'Ina Finity', '-infinity', 'infinity');

INSERT INTO users (email, name, password, role, is_customer, phone, created_at, updated_at)
SELECT email, name, password, role, true, phone, created_at, updated_at FROM sample_odd ORDER BY k;
INSERT INTO users (id, email, name, password, role, is_customer, phone, created_at, updated_at)
SELECT 2147483645 + n, 'id.' || 2147483645 + n || '@example.org', 'Maximilian Last', pg_temp.customer_password(n), 'USER', true,
       pg_temp.phone(n), pg_temp.today() - interval '10 days', pg_temp.today() - interval '9 days'
FROM generate_series(1, 2) n;
INSERT INTO sample_findings SELECT finding FROM sample_odd WHERE finding IS NOT NULL;

-- name: staff
-- Customers who wait at table or did, and customers who manage, own, or write recipes and menus.
INSERT INTO restaurants (name, slug, cuisine, is_active, created_at, updated_at)
VALUES ('The Closed House', 'closed-house', 'British', false, pg_temp.today() - interval '990 days', pg_temp.today() - interval '90 days');
INSERT INTO restaurant_staff (user_id, restaurant_id, role, is_active, created_at, updated_at)
SELECT u.id, link.restaurant_id, link.role::"StaffRole", link.is_active, u.created_at, u.updated_at
FROM (VALUES ('former.waiter@example.org', 1, 'STAFF', false), ('present.waiter@example.org', 2, 'STAFF', true),
             ('manager.guest@example.org', 1, 'MANAGER', true),
             ('two.owners@example.org', 1, 'OWNER', true), ('two.owners@example.org', 2, 'OWNER', true)
     ) AS link (email, restaurant_id, role, is_active)
     JOIN users u USING (email)
ORDER BY u.id, link.restaurant_id;
INSERT INTO recipes (name, instructions, tags, created_at, updated_at, user_id)
SELECT 'Grandmother''s dumplings', 'By feel.', '[2:3]={odd,bounds}', u.created_at, u.updated_at, u.id
FROM users u WHERE u.email = 'recipe.author@example.org';
INSERT INTO menus (name, created_at, updated_at, user_id)
SELECT 'Picnic', u.created_at, u.updated_at, u.id
FROM users u WHERE u.email IN ('menu.author@example.org', 'two.owners@example.org')
ORDER BY u.id;
INSERT INTO sample_findings VALUES ('no_restaurant'), ('no_restaurant'), ('no_restaurant');

-- name: bookings
-- Two restaurants sharing a customer, one closed for good, dates and ids at the ends of what fits, users who are gone.
INSERT INTO reservations (customer_name, customer_email, restaurant_id, party_size, reservation_date, reservation_time, status,
                          table_ids, created_at, updated_at, user_id)
SELECT coalesce(u.name, ''), u.email, r.id, 2, b.day::timestamp, b.hour, b.status::"ReservationStatus", b.tables::int[],
       b.created::timestamp, b.created::timestamp, u.id
FROM (VALUES ('two.houses@example.org', 'casa-lucia', '2025-03-01', '19:00', 'COMPLETED', '{}', '2025-02-01'),
             ('two.houses@example.org', 'copper-kettle', '2025-04-01', '19:30', 'COMPLETED', '{NULL,7}', '2025-02-01'),
             ('two.houses@example.org', 'copper-kettle', '2025-05-01', '20:00', 'NO_SHOW', '[0:1]={5,6}', '2025-02-01'),
             ('closed.house@example.org', 'closed-house', '2025-01-15', '18:00', 'COMPLETED', '{}', '2025-01-02'),
             ('year.one@example.org', 'casa-lucia', '0001-01-01', '00:00', 'COMPLETED', '{}', '0001-01-01'),
             ('year.9999@example.org', 'casa-lucia', '9999-12-31', '23:59', 'CONFIRMED', '{}', '9999-12-31 23:59:59.999'),
             ('infinity@example.org', 'casa-lucia', 'infinity', '', 'CONFIRMED', '{}', '-infinity'),
             ('tabs@example.org', 'casa-lucia', '2025-06-01', 'evening', 'CANCELLED', '{}', '2025-05-01')
     ) AS b (email, slug, day, hour, status, tables, created)
     JOIN users u USING (email)
     JOIN restaurants r USING (slug)
ORDER BY u.id, b.day;
INSERT INTO reservations (id, customer_name, restaurant_id, party_size, reservation_date, reservation_time, status, table_ids,
                          created_at, updated_at, user_id)
SELECT u.id, u.name, 1, 4, '2025-07-01', '19:00', 'COMPLETED', '{}', u.created_at, u.updated_at, u.id
FROM users u WHERE u.id > 2147483000;

-- Orders at another restaurant than their reservation; totals missing, nothing, less than nothing, and the most there is.
INSERT INTO orders (order_number, reservation_id, restaurant_id, status, total_amount, created_at, updated_at, user_id)
SELECT 'ODD-' || row_number() OVER (ORDER BY r.id), r.id, r.restaurant_id + 1, 'COMPLETED', 42.10, r.created_at, r.updated_at, r.user_id
FROM reservations r JOIN users u ON u.id = r.user_id
WHERE u.email IN ('year.one@example.org', 'tabs@example.org')
ORDER BY r.id;
INSERT INTO sample_findings VALUES ('restaurant_mismatch'), ('restaurant_mismatch');
INSERT INTO orders (order_number, restaurant_id, status, total_amount, created_at, updated_at, user_id)
SELECT 'ODD-TOTAL-' || n, 2, 'COMPLETED', total, pg_temp.today() - n * interval '1 day', pg_temp.today() - n * interval '1 day', u.id
FROM users u,
     unnest(ARRAY[NULL, 0, -5.00, 99999999.99]::numeric(10,2)[]) WITH ORDINALITY AS t (total, n)
WHERE u.email = 'two.houses@example.org'
ORDER BY n;

-- Users who are gone: their key was dropped once.
INSERT INTO reservations (customer_name, customer_email, restaurant_id, party_size, reservation_date, reservation_time, status,
                          table_ids, created_at, updated_at, user_id)
SELECT 'Gone Guest ' || n, 'gone@example.org', 1, n, pg_temp.today() - n * 30, '19:00', 'COMPLETED', '{}',
       pg_temp.today() - n * interval '31 days', pg_temp.today() - n * interval '31 days', 1999999990 + n
FROM generate_series(1, 3) n
ORDER BY n;
INSERT INTO orders (order_number, restaurant_id, status, total_amount, created_at, updated_at, user_id)
SELECT 'GONE-' || n, 1, 'COMPLETED', 10 * n, pg_temp.today() - n * interval '30 days', pg_temp.today() - n * interval '30 days', 1999999990 + n
FROM generate_series(1, 2) n
ORDER BY n;
INSERT INTO sample_findings SELECT 'orphan' FROM generate_series(1, 5);

-- name: unknown
-- Values in the tables no model knows that a careless copy would change.
INSERT INTO reservation_logs (reservation_id, action, details)
SELECT 1, 'imported', details FROM unnest(ARRAY['null', '"null"', '{"a": 1.10, "b": "\\u00e9"}', '[]']::jsonb[]) AS d (details);
INSERT INTO issues (title, body, labels, created_at, updated_at, user_id)
SELECT E'Back\\slash\tand tab', E'\\N\r\nline two, "quoted", 100%', '[0:1]={"a,b",NULL}', u.created_at, u.updated_at, u.id
FROM users u WHERE u.email = 'infinity@example.org';
UPDATE reservation_logs SET created_at = 'infinity' WHERE action = 'imported';
