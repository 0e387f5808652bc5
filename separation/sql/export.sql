-- What the new tables hold and no legacy table can: a roll-back writes it to a file, one JSON object a row, before it
-- takes it away. Neither passwords nor tokens are among it.

-- name: customers
-- Log-ins, proofs of emails, deactivations without a hash, and names that fall into other parts than users.name tells.
-- What an earlier attempt's row of theirs holds stays there.
WITH kept AS MATERIALIZED (
    SELECT x.customer_id, bool_or(e.email_verified) AS email_verified, array_agg(e.email_verified_at) AS verified_at,
        array_agg(e.last_login) AS logins
    FROM separation_undo x JOIN customers e ON e.id = x.row_id WHERE x.table_name = 'customers' GROUP BY x.customer_id
)
SELECT jsonb_build_object('table', 'customers', 'id', c.id, 'first_name', c.first_name, 'last_name', c.last_name,
    'is_active', c.is_active, 'email_verified', c.email_verified, 'email_verified_at', c.email_verified_at,
    'last_login', c.last_login, 'anonymized_at', c.anonymized_at)::text
FROM customers c
    LEFT JOIN users u ON u.id = c.id
    LEFT JOIN customer_profiles p ON p.user_id = c.id
    LEFT JOIN kept k ON k.customer_id = c.id
WHERE c.id > 0 AND (
    c.anonymized_at IS NOT NULL
    OR c.last_login IS NOT NULL AND NOT coalesce(c.last_login = ANY (k.logins), false)
    OR c.email_verified_at IS NOT NULL AND NOT coalesce(c.email_verified_at = ANY (k.verified_at), false)
    OR c.email_verified AND p.id IS NULL AND NOT coalesce(k.email_verified, false)
    OR NOT c.is_active AND u.password NOT LIKE '!$2%%'
    OR c.first_name ~ '\s' OR c.first_name = '' AND c.last_name <> '' OR c.last_name ~ '^\s|\s$|\s\s')

-- name: customer_profiles
-- Profiles that are not as the migration makes them, where the old application has no such table.
SELECT (jsonb_build_object('table', 'customer_profiles') || to_jsonb(p) - 'user_id')::text
FROM customer_profiles p
WHERE p.customer_id > 0 AND p.user_id IS NULL AND (p.email_verified OR NOT separation_profile_is_empty(p))

-- name: customer_restaurants
-- What restaurants wrote about their customers; what stood on an earlier attempt's link stays there.
SELECT jsonb_build_object('table', 'customer_restaurants', 'customer_id', l.customer_id, 'restaurant_id',
    l.restaurant_id, 'notes', l.notes, 'vip_status', l.vip_status)::text
FROM customer_restaurants l
WHERE l.customer_id > 0 AND (l.vip_status OR coalesce(l.notes, '') <> '')
    AND NOT EXISTS (
        SELECT FROM separation_undo x JOIN customer_restaurants e ON e.customer_id = x.row_id
        WHERE x.table_name = 'customers' AND x.customer_id = l.customer_id AND e.restaurant_id = l.restaurant_id
            AND e.notes IS NOT DISTINCT FROM l.notes AND coalesce(e.vip_status, false) = l.vip_status)

-- name: customer_sessions
-- Log-ins, without what they are proved by.
SELECT (jsonb_build_object('table', 'customer_sessions') || to_jsonb(s) - 'family' - ARRAY(
    SELECT k FROM jsonb_object_keys(to_jsonb(s)) k WHERE k ~ '(token|hash|secret)'))::text
FROM customer_sessions s

-- name: reservations
-- Reservations that name another customer than their user, where the old application has no such column; a merge is on
-- record and stays.
SELECT jsonb_build_object('table', 'reservations', 'id', t.id, 'customer_id', t.customer_id)::text
FROM reservations t
WHERE t.customer_id IS DISTINCT FROM t.user_id AND t.customer_id > 0
    AND NOT EXISTS (SELECT FROM separation_merges m WHERE m.user_id = t.user_id AND m.customer_id = t.customer_id)
    AND EXISTS (SELECT FROM pg_constraint k
        WHERE k.conrelid = 'reservations'::regclass AND k.confrelid = 'customers'::regclass)

-- name: orders
-- Orders that name another customer than their user, where the old application has no such column; a merge is on record
-- and stays.
SELECT jsonb_build_object('table', 'orders', 'id', t.id, 'customer_id', t.customer_id)::text
FROM orders t
WHERE t.customer_id IS DISTINCT FROM t.user_id AND t.customer_id > 0
    AND NOT EXISTS (SELECT FROM separation_merges m WHERE m.user_id = t.user_id AND m.customer_id = t.customer_id)
    AND EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = 'orders'::regclass AND k.confrelid = 'customers'::regclass)
