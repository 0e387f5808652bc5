-- The customers' own tables. The old application writes here through triggers only, yet every NOT NULL column has a
-- default where there is a sensible one.

-- name: customers
-- Creates customers: one row a person, unique by email in any case.
CREATE TABLE customers (
    id serial NOT NULL,
    email text NOT NULL,
    password text NOT NULL,
    first_name text NOT NULL DEFAULT '',
    last_name text NOT NULL DEFAULT '',
    phone text,
    email_verified boolean NOT NULL DEFAULT false,
    email_verified_at timestamp(3),
    is_active boolean NOT NULL DEFAULT true,
    last_login timestamp(3),
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    anonymized_at timestamp(3),
    CONSTRAINT customers_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));

-- name: customer_profiles
-- Creates customer_profiles: at most one row a customer; losing the customer empties the column, never the row.
CREATE TABLE customer_profiles (
    id serial NOT NULL,
    customer_id integer,
    phone_verified boolean NOT NULL DEFAULT false,
    email_verified boolean NOT NULL DEFAULT false,
    preferred_contact_method varchar(20),
    dietary_restrictions text,
    special_requests text,
    vip_status boolean NOT NULL DEFAULT false,
    tags text[],
    notes text,
    marketing_opt_in boolean NOT NULL DEFAULT false,
    birthday date,
    anniversary date,
    preferences jsonb NOT NULL DEFAULT '{}',
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT customer_profiles_pkey PRIMARY KEY (id),
    CONSTRAINT customer_profiles_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX customer_profiles_customer_id_key ON customer_profiles (customer_id);

-- name: customer_sessions
-- Creates customer_sessions: one row a log-in, gone with its customer.
CREATE TABLE customer_sessions (
    id uuid NOT NULL,
    customer_id integer NOT NULL,
    token_hash varchar(64) NOT NULL,
    family uuid NOT NULL,
    user_agent text NOT NULL DEFAULT '',
    ip inet,
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    last_used_at timestamp(3),
    expires_at timestamp(3) NOT NULL,
    revoked_at timestamp(3),
    revoked_reason varchar(40) NOT NULL DEFAULT '',
    CONSTRAINT customer_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT customer_sessions_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX customer_sessions_customer_id_idx ON customer_sessions (customer_id);

-- name: customer_restaurants
-- Creates customer_restaurants: at most one row for a customer at a restaurant, gone with either.
CREATE TABLE customer_restaurants (
    id serial NOT NULL,
    customer_id integer NOT NULL,
    restaurant_id integer NOT NULL,
    first_visit timestamp(3),
    last_visit timestamp(3),
    visit_count integer NOT NULL DEFAULT 0,
    total_spent numeric(12,2) NOT NULL DEFAULT 0,
    notes text,
    vip_status boolean NOT NULL DEFAULT false,
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT customer_restaurants_pkey PRIMARY KEY (id),
    CONSTRAINT customer_restaurants_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT customer_restaurants_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX customer_restaurants_customer_id_restaurant_id_key
    ON customer_restaurants (customer_id, restaurant_id);
CREATE INDEX customer_restaurants_restaurant_id_idx ON customer_restaurants (restaurant_id);
