-- Tables of the old application that the models do not know; all of them point at users.

-- name: refresh_tokens
-- The old application's logins; a user's go with the user.
CREATE TABLE refresh_tokens (
    id serial NOT NULL,
    token text NOT NULL,
    user_id integer NOT NULL,
    ip inet,
    user_agent text,
    revoked boolean NOT NULL DEFAULT false,
    expires_at timestamp(3) NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX refresh_tokens_token_key ON refresh_tokens (token);
CREATE INDEX refresh_tokens_user_id_idx ON refresh_tokens (user_id);
ALTER TABLE refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: password_reset_tokens
-- Forgotten passwords; a user's go with the user.
CREATE TABLE password_reset_tokens (
    id serial NOT NULL,
    token text NOT NULL,
    user_id integer NOT NULL,
    used_at timestamp(3),
    expires_at timestamp(3) NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT password_reset_tokens_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX password_reset_tokens_token_key ON password_reset_tokens (token);
ALTER TABLE password_reset_tokens
    ADD CONSTRAINT password_reset_tokens_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: email_verification_tokens
-- Emails to be confirmed; a user's go with the user.
CREATE TABLE email_verification_tokens (
    id serial NOT NULL,
    token uuid NOT NULL,
    user_id integer NOT NULL,
    expires_at timestamp(3) NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX email_verification_tokens_token_key ON email_verification_tokens (token);
ALTER TABLE email_verification_tokens
    ADD CONSTRAINT email_verification_tokens_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: reservation_logs
-- What happened to a reservation, and who did it; the line outlives the user.
CREATE TABLE reservation_logs (
    id serial NOT NULL,
    reservation_id integer NOT NULL,
    user_id integer,
    action varchar(50) NOT NULL,
    details jsonb,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT reservation_logs_pkey PRIMARY KEY (id)
);
CREATE INDEX reservation_logs_reservation_id_idx ON reservation_logs (reservation_id);
CREATE INDEX reservation_logs_user_id_idx ON reservation_logs (user_id);
ALTER TABLE reservation_logs
    ADD CONSTRAINT reservation_logs_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES reservations (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT reservation_logs_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;

-- name: guest_reservations
-- Reservations of guests without an account; user_id is whoever registered later.
CREATE TABLE guest_reservations (
    id serial NOT NULL,
    restaurant_id integer NOT NULL,
    guest_name varchar(255) NOT NULL,
    guest_email varchar(255),
    guest_phone varchar(50),
    party_size integer NOT NULL,
    reserved_for timestamp(3) NOT NULL,
    user_id integer,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT guest_reservations_pkey PRIMARY KEY (id)
);
CREATE INDEX guest_reservations_user_id_idx ON guest_reservations (user_id);
ALTER TABLE guest_reservations
    ADD CONSTRAINT guest_reservations_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT guest_reservations_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;

-- name: issues
-- Complaints and faults; whoever reported one cannot be deleted.
CREATE TABLE issues (
    id serial NOT NULL,
    title varchar(255) NOT NULL,
    body text NOT NULL,
    labels text[] NOT NULL,
    open boolean NOT NULL DEFAULT true,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT issues_pkey PRIMARY KEY (id)
);
CREATE INDEX issues_user_id_idx ON issues (user_id);
ALTER TABLE issues
    ADD CONSTRAINT issues_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT ON UPDATE CASCADE;

-- name: issue_comments
-- What was said about them; whoever said it cannot be deleted.
CREATE TABLE issue_comments (
    id serial NOT NULL,
    issue_id integer NOT NULL,
    body text NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    user_id integer NOT NULL,
    CONSTRAINT issue_comments_pkey PRIMARY KEY (id)
);
CREATE INDEX issue_comments_issue_id_idx ON issue_comments (issue_id);
ALTER TABLE issue_comments
    ADD CONSTRAINT issue_comments_issue_id_fkey
        FOREIGN KEY (issue_id) REFERENCES issues (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT issue_comments_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT ON UPDATE CASCADE;

-- name: prep_columns
-- The kitchen's board of what to prepare, one for each member of staff.
CREATE TABLE prep_columns (
    id serial NOT NULL,
    name varchar(100) NOT NULL,
    position integer NOT NULL DEFAULT 0,
    user_id integer NOT NULL,
    CONSTRAINT prep_columns_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX prep_columns_name_user_id_key ON prep_columns (name, user_id);
ALTER TABLE prep_columns
    ADD CONSTRAINT prep_columns_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: prep_tasks
-- The board's cards.
CREATE TABLE prep_tasks (
    id serial NOT NULL,
    title varchar(255) NOT NULL,
    done boolean NOT NULL DEFAULT false,
    hours numeric(4,1),
    due_at timestamp(3),
    prep_column_id integer NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT prep_tasks_pkey PRIMARY KEY (id)
);
CREATE INDEX prep_tasks_prep_column_id_idx ON prep_tasks (prep_column_id);
ALTER TABLE prep_tasks
    ADD CONSTRAINT prep_tasks_prep_column_id_fkey
        FOREIGN KEY (prep_column_id) REFERENCES prep_columns (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT prep_tasks_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;
