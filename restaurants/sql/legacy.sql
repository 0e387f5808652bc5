-- The tenant's table, as the old application's ORM made it.

-- name: restaurants
-- Creates restaurants, with its indexes.
CREATE TABLE restaurants (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    slug varchar(255) NOT NULL,
    description text,
    cuisine varchar(100),
    address text,
    city varchar(100),
    state varchar(50),
    zip_code varchar(20),
    country varchar(100),
    phone varchar(50),
    email varchar(255),
    website text,
    logo_url text,
    cover_image_url text,
    opening_hours jsonb,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT restaurants_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX restaurants_slug_key ON restaurants (slug);
CREATE INDEX restaurants_is_active_idx ON restaurants (is_active);
