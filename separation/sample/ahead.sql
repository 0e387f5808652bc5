-- Half a step ahead: the old application had begun to tell a reservation's customer from whoever typed it in.

-- name: schema
-- Adds reservations.customer_id, a user's id, and customer_profiles, keyed by user_id.
ALTER TABLE reservations ADD COLUMN customer_id integer;
CREATE INDEX reservations_customer_id_idx ON reservations (customer_id);
ALTER TABLE reservations
    ADD CONSTRAINT reservations_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;
CREATE TABLE customer_profiles (
    id serial NOT NULL,
    user_id integer NOT NULL,
    phone_verified boolean NOT NULL DEFAULT false,
    email_verified boolean NOT NULL DEFAULT false,
    preferred_contact_method varchar(20),
    dietary_restrictions text,
    special_requests text,
    vip_status boolean NOT NULL DEFAULT false,
    tags text[] NOT NULL,
    notes text,
    marketing_opt_in boolean NOT NULL DEFAULT false,
    birthday date,
    anniversary date,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT customer_profiles_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX customer_profiles_user_id_key ON customer_profiles (user_id);
ALTER TABLE customer_profiles
    ADD CONSTRAINT customer_profiles_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: rows
-- Two thirds of the phone bookings name their customer, a third of the others repeat user_id; every third has a profile.
UPDATE reservations SET customer_id = CASE WHEN pg_temp.phoned(id) THEN pg_temp.customer_id(pg_temp.guest(id)) ELSE user_id END
WHERE pg_temp.pick(id, 401, 3) < CASE WHEN pg_temp.phoned(id) THEN 2 ELSE 1 END;
INSERT INTO customer_profiles (user_id, phone_verified, email_verified, preferred_contact_method, dietary_restrictions,
                               special_requests, vip_status, tags, notes, marketing_opt_in, birthday, anniversary,
                               created_at, updated_at)
SELECT u.id, pg_temp.pick(u.id, 411, 2) = 0, pg_temp.pick(u.id, 412, 4) > 0,
       (ARRAY['email', 'phone', 'sms', NULL])[1 + pg_temp.pick(u.id, 413, 4)],
       (ARRAY['vegetarian', 'gluten free', 'no shellfish'])[1 + pg_temp.pick(u.id, 414, 9)],
       (ARRAY['Quiet corner', 'High chair'])[1 + pg_temp.pick(u.id, 415, 10)], pg_temp.pick(u.id, 416, 25) = 0,
       (ARRAY['{}', '{regular}', '{regular,"wine, red"}']::text[])[1 + pg_temp.pick(u.id, 417, 3)]::text[],
       (ARRAY['Tips well', 'Prefers the terrace'])[1 + pg_temp.pick(u.id, 418, 12)], pg_temp.pick(u.id, 419, 3) = 0,
       CASE WHEN pg_temp.pick(u.id, 420, 2) = 0 THEN date '1950-01-01' + pg_temp.pick(u.id, 421, 19000)::int END,
       CASE WHEN pg_temp.pick(u.id, 422, 5) = 0 THEN date '1980-01-01' + pg_temp.pick(u.id, 423, 14000)::int END,
       u.created_at, u.updated_at
FROM users u
WHERE u.id = pg_temp.staff_id(1, 2) OR (u.id > pg_temp.staff() AND u.id % 3 = 0)
ORDER BY u.id;
