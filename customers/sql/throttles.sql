-- How often somebody asked for something of late; what is counted stands here as a keyed hash only.

-- name: request_throttles
-- Creates request_throttles: a row for each thing that is counted, until it is over.
CREATE TABLE request_throttles (
    key varchar(64) NOT NULL,
    count integer NOT NULL DEFAULT 0,
    expires_at timestamp(3) NOT NULL,
    blocked_until timestamp(3),
    CONSTRAINT request_throttles_pkey PRIMARY KEY (key)
);
CREATE INDEX request_throttles_expires_at_idx ON request_throttles (expires_at);
