-- What staff decide about findings: looking at the people concerned, writing the decision, counting what is theirs.

-- name: hold_phase
-- Gives the phase, held until the transaction ends, and whether the new tables hold customers.
SELECT p.name, EXISTS (SELECT FROM customers c WHERE c.id > 0) FROM separation_phase p FOR SHARE OF p

-- name: duplicates_of
-- Gives the customers of users with the same email as this user, in any case and without blanks, and the user.
SELECT o.id FROM users u JOIN users o ON o.id = u.id
    OR o.is_customer AND lower(btrim(o.email, E' \t\n\r\f\x0b')) = {{email_key}}
WHERE u.id = %(id)s ORDER BY o.id

-- name: lock
-- Locks users in id order, so that nobody else decides about them, writes or deletes them meanwhile.
SELECT u.id FROM users u WHERE u.id = ANY (%(ids)s::integer[]) ORDER BY u.id FOR NO KEY UPDATE

-- name: people
-- Gives users with their outcome, where they are by now, and what was decided about them.
SELECT k.id, k.email, k.name, k.is_customer, k.outcome, c.id IS NOT NULL AS moved, m.customer_id AS winner,
    EXISTS (SELECT FROM separation_merges o WHERE o.customer_id = k.id) AS has_merged, k.key
FROM (
    SELECT x.*, u.is_customer, md5({{email_key}}) AS key
    FROM ({{classified_users}} WHERE u.id = ANY (%(ids)s::integer[])) x JOIN users u ON u.id = x.id
) k
    LEFT JOIN customers c ON c.id = k.id LEFT JOIN separation_merges m ON m.user_id = k.id
ORDER BY k.id

-- name: visited
-- Gives the restaurants that know users u as guests or staff.
SELECT t.restaurant_id FROM reservations t WHERE t.user_id = u.id
UNION ALL SELECT t.restaurant_id FROM reservations t WHERE t.customer_id = u.id
UNION ALL SELECT t.restaurant_id FROM orders t WHERE t.user_id = u.id
UNION ALL SELECT t.restaurant_id FROM orders t WHERE t.customer_id = u.id
UNION ALL SELECT t.restaurant_id FROM customer_restaurants t WHERE t.customer_id = u.id
UNION ALL SELECT t.restaurant_id FROM restaurant_staff t WHERE t.user_id = u.id

-- name: places
-- Gives the restaurants that know users u, null for what is at none.
{{visited}}
UNION ALL SELECT t.restaurant_id FROM menus t WHERE t.user_id = u.id
UNION ALL SELECT t.restaurant_id FROM recipes t WHERE t.user_id = u.id

-- name: authors
-- Gives whoever wrote menus or recipes, and where.
SELECT t.user_id, t.restaurant_id FROM menus t UNION ALL SELECT t.user_id, t.restaurant_id FROM recipes t

-- name: confined
-- Whether everything of users u lies in these restaurants, and something does; nothing of the platform's own people. Authors
-- are few, and looked up once: of each user, the planner would look through all menus.
(u.role = 'USER'
    AND (EXISTS (SELECT FROM ({{visited}}) p) OR u.id IN (SELECT a.user_id FROM ({{authors}}) a))
    AND NOT EXISTS (SELECT FROM ({{visited}}) p WHERE p.restaurant_id <> ALL (%(places)s::integer[]))
    AND u.id NOT IN (
        SELECT a.user_id FROM ({{authors}}) a
        WHERE a.restaurant_id IS NULL OR a.restaurant_id <> ALL (%(places)s::integer[])))

-- name: strangers
-- Gives the first of these ids whose user does not exist for whoever decides for these restaurants alone.
SELECT i.id FROM unnest(%(ids)s::integer[]) i (id)
WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = i.id AND {{confined}}) ORDER BY i.id LIMIT 1

-- name: author_confined
-- Whether the author of t works in these restaurants, and nowhere else.
(EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = t.user_id) AND NOT EXISTS (
    SELECT FROM restaurant_staff s WHERE s.user_id = t.user_id AND s.restaurant_id <> ALL (%(places)s::integer[])))

-- name: confined_findings
-- Whether everything that a finding in separation_findings is about lies in these restaurants: the person, and everybody
-- with the same email; the booking, and the order with its reservation; a menu or recipe, or its author as long as it is at
-- no restaurant. Most people are told apart by the first of their bookings, whichever that is. Of each finding its own row
-- is asked alone: in place of EXISTS the planner would look at every user and booking there is, and remember the answers.
coalesce(CASE separation_findings.table_name
    WHEN 'users' THEN coalesce(
        (SELECT t.restaurant_id = ANY (%(places)s::integer[]) FROM reservations t
        WHERE t.user_id = separation_findings.row_id LIMIT 1),
        (SELECT t.restaurant_id = ANY (%(places)s::integer[]) FROM orders t
        WHERE t.user_id = separation_findings.row_id LIMIT 1),
        true
    ) AND (
        SELECT {{confined}} FROM users u WHERE u.id = separation_findings.row_id
    ) AND (separation_findings.kind <> 'duplicate_email' OR NOT coalesce((
        SELECT true FROM users t JOIN LATERAL (SELECT lower(btrim(t.email, E' \t\n\r\f\x0b')) AS key) k ON true
            JOIN users u ON u.is_customer AND u.id <> t.id AND {{email_key}} = k.key
        WHERE t.id = separation_findings.row_id AND NOT {{confined}} LIMIT 1), false))
    WHEN 'reservations' THEN (
        SELECT t.restaurant_id = ANY (%(places)s::integer[]) FROM reservations t
        WHERE t.id = separation_findings.row_id)
    WHEN 'orders' THEN (
        SELECT t.restaurant_id = ANY (%(places)s::integer[])
            AND coalesce(r.restaurant_id, t.restaurant_id) = ANY (%(places)s::integer[])
        FROM orders t LEFT JOIN reservations r ON r.id = t.reservation_id
        WHERE t.id = separation_findings.row_id)
    WHEN 'menus' THEN (
        SELECT CASE
            WHEN t.restaurant_id IS NOT NULL THEN t.restaurant_id = ANY (%(places)s::integer[])
            ELSE {{author_confined}} END
        FROM menus t WHERE t.id = separation_findings.row_id)
    WHEN 'recipes' THEN (
        SELECT CASE
            WHEN t.restaurant_id IS NOT NULL THEN t.restaurant_id = ANY (%(places)s::integer[])
            ELSE {{author_confined}} END
        FROM recipes t WHERE t.id = separation_findings.row_id)
END, false)

-- name: bookings
-- Counts what is a person's, whoever it names as customer by now: reservations, orders, restaurants.
WITH theirs AS (
    SELECT 'reservation' AS what, t.restaurant_id FROM reservations t
    WHERE t.user_id = %(id)s OR t.customer_id = %(id)s AND NOT EXISTS (
        SELECT FROM separation_merges m WHERE m.user_id = t.user_id AND m.customer_id = t.customer_id)
    UNION ALL
    SELECT 'order', t.restaurant_id FROM orders t
    WHERE t.user_id = %(id)s OR t.customer_id = %(id)s AND NOT EXISTS (
        SELECT FROM separation_merges m WHERE m.user_id = t.user_id AND m.customer_id = t.customer_id)
    UNION ALL
    SELECT 'link', s.restaurant_id FROM restaurant_staff s WHERE s.user_id = %(id)s AND s.role = 'STAFF'
)
SELECT count(*) FILTER (WHERE what = 'reservation'), count(*) FILTER (WHERE what = 'order'),
    count(DISTINCT restaurant_id)
FROM theirs

-- name: filled
-- Gives the columns of the one's profile that are empty and would be filled from the other's.
SELECT k.name
FROM unnest({{fillable}}) WITH ORDINALITY k (name, number)
    LEFT JOIN (SELECT to_jsonb(p) AS row FROM customer_profiles p
        WHERE p.user_id = %(winner)s OR p.customer_id = %(winner)s LIMIT 1) w ON true
    JOIN (SELECT to_jsonb(p) AS row FROM customer_profiles p WHERE p.user_id = %(loser)s) l ON true
WHERE coalesce(w.row -> k.name, 'null') IN ('null', '""', '[]', '{}', 'false')
    AND coalesce(l.row -> k.name, 'null') NOT IN ('null', '""', '[]', '{}', 'false')
ORDER BY k.number

-- name: taken
-- Tells whether an email is anybody's already, in any case: a user's, or a customer's.
SELECT EXISTS (
    SELECT FROM users u WHERE {{email_key}} = lower(%(email)s) AND u.id <> %(id)s
    UNION ALL
    SELECT FROM customers c WHERE lower(c.email) = lower(%(email)s) AND c.id <> %(id)s AND c.id > 0)

-- name: decide
-- Writes a decision on a finding, unless one was written meanwhile, and what is decided to its history. Whoever was mailed
-- has not set a password yet. Of people the state is looked up afterwards.
INSERT INTO separation_findings (kind, table_name, row_id, decision, decided_by, decided_at, note, detail, state)
VALUES (%(kind)s, %(table)s, %(id)s, %(decision)s, %(by)s, now(), %(note)s,
    %(detail)s::jsonb || jsonb_build_object('history', jsonb_build_array(%(event)s::jsonb)),
    CASE WHEN %(table)s = 'users' OR %(decision)s = '' THEN 'open' ELSE 'settled' END)
ON CONFLICT (kind, table_name, row_id) DO UPDATE SET decision = excluded.decision, decided_by = excluded.decided_by,
    decided_at = excluded.decided_at, note = excluded.note, updated_at = now(),
    state = CASE WHEN excluded.decision IN ('', 'mail') THEN 'open' ELSE 'settled' END,
    detail = separation_findings.detail || excluded.detail || jsonb_build_object(
        'history', coalesce(separation_findings.detail -> 'history', '[]') || (excluded.detail -> 'history'))
    WHERE separation_findings.decision = %(expected)s

-- name: supersede
-- Takes back that somebody was kept for an email who has it no more, since another is kept for it now.
UPDATE separation_findings SET decision = '', updated_at = now()
WHERE kind = 'duplicate_email' AND decision = 'keep' AND detail ->> 'email' = %(email)s AND row_id <> %(id)s

-- name: rename
-- Writes another email, as the old application would.
UPDATE users SET email = %(email)s, updated_at = now() AT TIME ZONE 'UTC' WHERE id = %(id)s

-- name: sync
-- Brings people in the new tables into step with users and with what is decided.
SELECT separation_sync(%(ids)s::integer[])

-- name: part
-- Parts people from those they were merged into.
SELECT separation_part(%(ids)s::integer[])

-- name: set_aside
-- Keeps what only the new tables hold of people who go back to users.
SELECT separation_set_aside(%(ids)s::integer[])

-- name: take_out
-- Takes people out of the new tables.
SELECT separation_take_out(%(ids)s::integer[])

-- name: judge
-- Records of these people, in phase legacy, what will keep them back and what does no more.
SELECT separation_find(%(ids)s::integer[], coalesce(array_agg(k.id) FILTER (WHERE k.outcome <> 'move'), '{}'),
    coalesce(array_agg(k.outcome) FILTER (WHERE k.outcome <> 'move'), '{}'),
    coalesce(array_agg(k.id) FILTER (WHERE k.outcome = 'move' AND NOT k.bcrypt), '{}'))
FROM ({{classified_users}} WHERE u.is_customer AND u.id = ANY (%(ids)s::integer[])) k

-- name: recorded
-- Gives every finding that is open, with the email of the person it is about.
SELECT f.kind, f.table_name, f.row_id AS id, coalesce(u.email, '') AS email
FROM separation_findings f LEFT JOIN users u ON f.table_name = 'users' AND u.id = f.row_id
WHERE f.state = 'open'

-- name: expected
-- Gives, in phase legacy, the findings that an execute would record as open about people, looked up now.
SELECT k.kind, 'users' AS table_name, k.id, k.email FROM (
    SELECT c.id, c.email, CASE c.outcome WHEN 'merged' THEN 'duplicate_email' ELSE c.outcome END AS kind
    FROM ({{classified_users}} WHERE u.is_customer) c WHERE c.outcome <> 'move'
) k
    LEFT JOIN separation_findings
        ON separation_findings.kind = k.kind AND table_name = 'users' AND row_id = k.id
WHERE {{finding_state}} <> 'settled'
UNION ALL
SELECT r.kind, r.table_name, r.id, r.email FROM ({{recorded}}) r
WHERE r.kind NOT IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email')

-- name: samples
-- Gives the first `size` groups of each kind of what is listed, with how many there are of the kind, and how many groups.
SELECT kind, total, groups, table_name, id, email, number FROM (
    SELECT s.*, max(number) OVER (PARTITION BY kind) AS groups FROM (
        SELECT l.*, count(*) OVER (PARTITION BY kind) AS total, dense_rank() OVER (PARTITION BY kind ORDER BY
            CASE WHEN kind = 'duplicate_email' THEN lower(btrim(email, E' \t\n\r\f\x0b')) ELSE '' END,
            CASE WHEN kind = 'duplicate_email' THEN '' ELSE table_name END,
            CASE WHEN kind = 'duplicate_email' THEN 0 ELSE id END) AS number
        FROM ({listed}) l
    ) s
) g
WHERE number <= %(size)s ORDER BY kind, number, id
