-- What booking adds beside reservations, which gets no column: the old application's table stays as it is.

-- name: booking_policies
-- Creates booking_policies: how a restaurant takes bookings, at most one row each; one without a row has the defaults.
CREATE TABLE booking_policies (
    id serial NOT NULL,
    restaurant_id integer NOT NULL,
    is_online boolean NOT NULL DEFAULT true,
    time_zone text NOT NULL DEFAULT 'UTC',
    slot_interval_minutes smallint NOT NULL DEFAULT 30,
    duration_minutes smallint NOT NULL DEFAULT 90,
    durations jsonb NOT NULL DEFAULT '[]',
    covers_per_slot integer,
    covers_per_day integer,
    overbooking_percent smallint NOT NULL DEFAULT 0,
    minimum_notice_minutes integer NOT NULL DEFAULT 60,
    horizon_days smallint NOT NULL DEFAULT 90,
    min_party_size smallint NOT NULL DEFAULT 1,
    max_party_size smallint NOT NULL DEFAULT 12,
    cancel_cutoff_minutes integer NOT NULL DEFAULT 120,
    change_cutoff_minutes integer NOT NULL DEFAULT 120,
    reminder_hours smallint DEFAULT 24,
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT booking_policies_pkey PRIMARY KEY (id),
    CONSTRAINT booking_policies_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT booking_policies_interval CHECK (slot_interval_minutes IN (15, 30, 60)),
    CONSTRAINT booking_policies_duration CHECK (duration_minutes BETWEEN 15 AND 720),
    CONSTRAINT booking_policies_durations CHECK (jsonb_typeof(durations) = 'array'),
    CONSTRAINT booking_policies_covers CHECK (covers_per_slot >= 1 AND covers_per_day >= 1),
    CONSTRAINT booking_policies_overbooking CHECK (overbooking_percent BETWEEN 0 AND 100),
    CONSTRAINT booking_policies_notice CHECK (minimum_notice_minutes BETWEEN 0 AND 525600),
    CONSTRAINT booking_policies_horizon CHECK (horizon_days BETWEEN 1 AND 730),
    CONSTRAINT booking_policies_party CHECK (min_party_size >= 1 AND max_party_size >= min_party_size),
    CONSTRAINT booking_policies_cutoffs CHECK (cancel_cutoff_minutes >= 0 AND change_cutoff_minutes >= 0),
    CONSTRAINT booking_policies_reminder CHECK (reminder_hours BETWEEN 1 AND 336)
);
CREATE UNIQUE INDEX booking_policies_restaurant_id_key ON booking_policies (restaurant_id);

-- name: booking_exceptions
-- Creates booking_exceptions: days on which a restaurant has other opening hours than its week says, or none.
CREATE TABLE booking_exceptions (
    id serial NOT NULL,
    restaurant_id integer NOT NULL,
    date date NOT NULL,
    hours text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT booking_exceptions_pkey PRIMARY KEY (id),
    CONSTRAINT booking_exceptions_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX booking_exceptions_restaurant_id_date_key ON booking_exceptions (restaurant_id, date);

-- name: booking_slots
-- Creates booking_slots: what a booking locks, a quarter of an hour of a UTC day, or with minute -1 a whole day of the
-- restaurant's. Rows hold nothing, and are of use to nobody once their day is over.
CREATE TABLE booking_slots (
    restaurant_id integer NOT NULL,
    day date NOT NULL,
    minute smallint NOT NULL,
    CONSTRAINT booking_slots_pkey PRIMARY KEY (restaurant_id, day, minute),
    CONSTRAINT booking_slots_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- name: booking_terms
-- Creates booking_terms: what was promised with a booking, at most one row each, gone with it.
CREATE TABLE booking_terms (
    reservation_id integer NOT NULL,
    cancel_cutoff_minutes integer NOT NULL DEFAULT 0,
    change_cutoff_minutes integer NOT NULL DEFAULT 0,
    reminder_hours smallint,
    sequence integer NOT NULL DEFAULT 0,
    created_by varchar(10) NOT NULL DEFAULT 'system',
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT booking_terms_pkey PRIMARY KEY (reservation_id),
    CONSTRAINT booking_terms_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES reservations (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT booking_terms_cutoffs CHECK (cancel_cutoff_minutes >= 0 AND change_cutoff_minutes >= 0),
    CONSTRAINT booking_terms_sequence CHECK (sequence >= 0)
);

-- name: booking_logs
-- Creates booking_logs: who did what to a booking, and when. Without a key: the log outlives the booking.
CREATE TABLE booking_logs (
    id bigserial NOT NULL,
    reservation_id integer NOT NULL,
    action varchar(10) NOT NULL,
    actor_kind varchar(10) NOT NULL DEFAULT 'system',
    actor_id integer,
    before jsonb NOT NULL DEFAULT '{}',
    after jsonb NOT NULL DEFAULT '{}',
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT booking_logs_pkey PRIMARY KEY (id),
    CONSTRAINT booking_logs_action CHECK (action IN ('created', 'changed', 'cancelled')),
    CONSTRAINT booking_logs_actor CHECK (actor_kind IN ('customer', 'guest', 'staff', 'system'))
);
CREATE INDEX booking_logs_reservation_id_idx ON booking_logs (reservation_id);

-- name: booking_requests
-- Creates booking_requests: the answer to a request that may be repeated, by a hash of the key it came with.
CREATE TABLE booking_requests (
    id bigserial NOT NULL,
    scope text NOT NULL,
    key_hash varchar(64) NOT NULL,
    fingerprint varchar(64) NOT NULL,
    status smallint,
    body jsonb,
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT booking_requests_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX booking_requests_scope_key_hash_key ON booking_requests (scope, key_hash);
CREATE INDEX booking_requests_created_at_idx ON booking_requests (created_at);
