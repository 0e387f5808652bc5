-- Staff's log-ins to the REST API.

-- name: staff_sessions
-- Creates staff_sessions: one row a log-in. There is no key to users: making one would wait for the old application's writes, and
-- a log-in whose user is gone opens nothing.
CREATE TABLE staff_sessions (
    id uuid NOT NULL,
    user_id integer NOT NULL,
    password_hash varchar(128) NOT NULL,
    token_hash varchar(64) NOT NULL,
    previous_token_hash varchar(64),
    rotated_at timestamp(3),
    family uuid NOT NULL,
    user_agent text NOT NULL DEFAULT '',
    ip inet,
    created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    last_used_at timestamp(3),
    expires_at timestamp(3) NOT NULL,
    revoked_at timestamp(3),
    revoked_reason varchar(40) NOT NULL DEFAULT '',
    CONSTRAINT staff_sessions_pkey PRIMARY KEY (id)
);
CREATE INDEX staff_sessions_user_id_idx ON staff_sessions (user_id);
