-- Half migrated: an earlier attempt made tables of its own, copied some customers under ids of its own, moved nothing
-- else, and overwrote their passwords in users.

-- name: customers
-- The earlier attempt's customers, with the columns it knew.
CREATE TABLE customers (
    id serial NOT NULL,
    email varchar(255) NOT NULL,
    password varchar(255) NOT NULL,
    first_name varchar(100),
    last_name varchar(100),
    phone varchar(50),
    email_verified boolean NOT NULL DEFAULT false,
    email_verification_token varchar(255),
    email_verification_expires timestamp(3),
    reset_password_token varchar(255),
    reset_password_expires timestamp(3),
    last_login timestamp(3),
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT customers_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX customers_email_key ON customers (email);

-- name: customer_sessions
-- The earlier attempt's sessions, of another shape than ours and empty.
CREATE TABLE customer_sessions (
    id serial NOT NULL,
    customer_id integer NOT NULL,
    token varchar(255) NOT NULL,
    expires_at timestamp(3) NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT customer_sessions_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX customer_sessions_token_key ON customer_sessions (token);
ALTER TABLE customer_sessions
    ADD CONSTRAINT customer_sessions_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: customer_restaurants
-- The earlier attempt's links, keyed by both columns and empty.
CREATE TABLE customer_restaurants (
    customer_id integer NOT NULL,
    restaurant_id integer NOT NULL,
    first_visit timestamp(3),
    last_visit timestamp(3),
    visit_count integer NOT NULL DEFAULT 0,
    total_spent numeric(10,2) NOT NULL DEFAULT 0,
    CONSTRAINT customer_restaurants_pkey PRIMARY KEY (customer_id, restaurant_id)
);
ALTER TABLE customer_restaurants
    ADD CONSTRAINT customer_restaurants_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT customer_restaurants_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: copied
-- Copies every second customer, the newest first, so that an id there is another person's in users; one has no user.
INSERT INTO customers (email, password, first_name, last_name, phone, email_verified, created_at, updated_at)
SELECT email, password, split_part(name, ' ', 1), substr(name, strpos(name || ' ', ' ') + 1), phone, true, created_at, updated_at
FROM users
WHERE is_customer AND id % 2 = 0 AND password LIKE '$2%'
ORDER BY id DESC;
INSERT INTO customers (email, password, first_name, created_at, updated_at)
VALUES ('gone.since@example.org', '$2b$10$nQRm0UO3DVH8G3lI6dp5gOGRY.qBP4.StsnqHTtsfXIW41iaAx1.6', 'Gone',
        pg_temp.today() - interval '200 days', pg_temp.today() - interval '200 days');
INSERT INTO sample_findings VALUES ('no_user');

-- name: overwritten
-- The clean-up that ran although nothing had succeeded.
UPDATE users SET password = 'MIGRATED_TO_CUSTOMERS_TABLE'
WHERE email IN (SELECT email FROM customers);
