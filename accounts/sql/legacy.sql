-- Everybody's table and the staff's links to restaurants, as the old application's ORM made them.

-- name: type_UserRole
-- Creates the enum of users.role.
CREATE TYPE "UserRole" AS ENUM ('USER', 'ADMIN', 'SUPERADMIN');

-- name: type_StaffRole
-- Creates the enum of restaurant_staff.role.
CREATE TYPE "StaffRole" AS ENUM ('STAFF', 'MANAGER', 'OWNER');

-- name: users
-- Creates users, with its indexes.
CREATE TABLE users (
    id serial NOT NULL,
    email text NOT NULL,
    name text,
    password text NOT NULL,
    role "UserRole" NOT NULL DEFAULT 'USER',
    is_customer boolean NOT NULL DEFAULT false,
    phone varchar(50),
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE INDEX users_is_customer_idx ON users (is_customer);

-- name: restaurant_staff
-- Creates restaurant_staff, with its indexes and its keys to users and restaurants.
CREATE TABLE restaurant_staff (
    id serial NOT NULL,
    user_id integer NOT NULL,
    restaurant_id integer NOT NULL,
    role "StaffRole" NOT NULL DEFAULT 'STAFF',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT restaurant_staff_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX restaurant_staff_user_id_restaurant_id_key ON restaurant_staff (user_id, restaurant_id);
CREATE INDEX restaurant_staff_user_id_idx ON restaurant_staff (user_id);
CREATE INDEX restaurant_staff_restaurant_id_idx ON restaurant_staff (restaurant_id);
ALTER TABLE restaurant_staff
    ADD CONSTRAINT restaurant_staff_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT restaurant_staff_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE;
