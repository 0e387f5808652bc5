-- What was changed of customers, by whom and when.

-- name: customer_changes
-- Creates customer_changes: one row for what one statement changed of a customer's account or profile, or of what a
-- restaurant wrote about them; gone with either.
CREATE TABLE customer_changes (
    id bigserial NOT NULL,
    customer_id integer NOT NULL,
    restaurant_id integer,
    about varchar(10) NOT NULL DEFAULT 'account',
    changed_at timestamp(3) NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    changed_by varchar(60) NOT NULL DEFAULT '',
    role text NOT NULL DEFAULT '',
    indirect boolean NOT NULL DEFAULT false,
    before jsonb NOT NULL DEFAULT '{}',
    after jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT customer_changes_pkey PRIMARY KEY (id),
    CONSTRAINT customer_changes_customer_id_fkey
        FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT customer_changes_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT customer_changes_about CHECK (about IN ('account', 'profile', 'restaurant'))
);
CREATE INDEX customer_changes_customer_id_idx ON customer_changes (customer_id, id);
CREATE INDEX customer_changes_restaurant_id_idx ON customer_changes (restaurant_id) WHERE restaurant_id IS NOT NULL;
