-- What staff decide about rows: looking at the row, writing one column of it as the old application would, and back.
-- {table} and {column} are names of this project's, never anybody's words.

-- name: follow
-- From here on the mirror follows what this transaction writes, as it follows the old application.
SELECT set_config('separation.bypass', 'off', true)

-- name: lock_user
-- Locks a user, before any row that is theirs.
SELECT u.id FROM users u WHERE u.id = %(id)s FOR NO KEY UPDATE

-- name: user_of
-- Gives the user of a row.
SELECT t.user_id FROM {table} t WHERE t.id = %(id)s

-- name: lock_row
-- Locks a row, and gives it as it is.
SELECT to_jsonb(t)::text FROM {table} t WHERE t.id = %(id)s FOR NO KEY UPDATE

-- name: row
-- Gives a row as it is.
SELECT to_jsonb(t)::text FROM {table} t WHERE t.id = %(id)s

-- name: write
-- Writes one column of a row.
UPDATE {table} SET {column} = %(value)s, updated_at = now() AT TIME ZONE 'UTC' WHERE id = %(id)s

-- name: confined
-- Whether what a finding about this row would be about lies in these restaurants.
SELECT {{confined_findings}}
FROM (SELECT %(kind)s AS kind, %(table)s AS table_name, %(id)s::bigint AS row_id) separation_findings

-- name: known
-- Whether a restaurant knows a user.
SELECT EXISTS (SELECT FROM users u CROSS JOIN LATERAL ({{places}}) p WHERE u.id = %(user)s AND p.restaurant_id = %(place)s)

-- name: restaurant
-- Gives the name of a restaurant, which stays as long as this transaction.
SELECT r.name FROM restaurants r WHERE r.id = %(id)s FOR KEY SHARE

-- name: target
-- Gives the restaurant of the reservation that an order belongs to.
SELECT r.restaurant_id FROM orders t JOIN reservations r ON r.id = t.reservation_id WHERE t.id = %(id)s

-- name: reset
-- Locks a customer whose password nobody can read: gives the email, and whether the account is open.
SELECT c.email, c.is_active FROM customers c WHERE c.id = %(id)s AND c.password LIKE '!%%' FOR NO KEY UPDATE
