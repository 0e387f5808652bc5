-- Reservations, as the old application's ORM made them.

-- name: type_ReservationStatus
-- Creates the enum of reservations.status.
CREATE TYPE "ReservationStatus" AS ENUM ('CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW');

-- name: reservations
-- Creates reservations, with its indexes and its keys to restaurants and users.
CREATE TABLE reservations (
    id serial NOT NULL,
    customer_name varchar(255) NOT NULL,
    customer_phone varchar(50),
    customer_email varchar(255),
    restaurant_id integer NOT NULL,
    party_size integer NOT NULL,
    reservation_date timestamp(3) NOT NULL,
    reservation_time varchar(10) NOT NULL,
    status "ReservationStatus" NOT NULL DEFAULT 'CONFIRMED',
    notes text,
    special_requests text,
    duration_minutes integer NOT NULL DEFAULT 90,
    source varchar(20) NOT NULL DEFAULT 'website',
    table_ids integer[] NOT NULL,
    confirmation_sent boolean NOT NULL DEFAULT false,
    reminder_sent boolean NOT NULL DEFAULT false,
    actual_arrival_time timestamp(3),
    actual_departure_time timestamp(3),
    guest_notes text,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT reservations_pkey PRIMARY KEY (id)
);
CREATE INDEX reservations_restaurant_id_idx ON reservations (restaurant_id);
CREATE INDEX reservations_reservation_date_idx ON reservations (reservation_date);
CREATE INDEX reservations_status_idx ON reservations (status);
CREATE INDEX reservations_customer_email_idx ON reservations (customer_email);
CREATE INDEX reservations_user_id_idx ON reservations (user_id);
ALTER TABLE reservations
    ADD CONSTRAINT reservations_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT reservations_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;
