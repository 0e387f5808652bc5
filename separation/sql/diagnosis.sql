-- What is known of one person, on both sides; only reads.

-- name: blanks
-- What counts as a blank around an email.
E' \t\n\r\f\x0b'

-- name: found_in_users
-- Gives the ids of the people meant, before adoption: by id, or by email in any case and without blanks.
SELECT u.id FROM users u WHERE u.id = %(id)s OR {{email_key}} = lower(btrim(%(email)s, {{blanks}})) ORDER BY 1

-- name: found
-- Gives the ids of the people meant: by id, or by email in any case and without blanks, in users or in customers.
SELECT u.id FROM users u WHERE u.id = %(id)s OR {{email_key}} = lower(btrim(%(email)s, {{blanks}}))
UNION
SELECT c.id FROM customers c
WHERE c.id > 0 AND (c.id = %(id)s OR lower(c.email) = lower(btrim(%(email)s, {{blanks}})))
UNION
SELECT f.row_id::integer FROM separation_findings f WHERE f.table_name = 'users' AND f.row_id = %(id)s
UNION
SELECT a.row_id::integer FROM separation_archive a
WHERE a.table_name = 'users' AND a.gone AND (a.row_id = %(id)s::text
    OR lower(btrim(a."values"[array_position(a.columns, 'email')], {{blanks}})) = lower(btrim(%(email)s, {{blanks}})))
ORDER BY 1

-- name: user
-- Gives the row in users: email, flag, role and times.
SELECT email, is_customer, role::text, created_at::text, updated_at::text FROM users WHERE id = %(id)s

-- name: person
-- Gives one person: the outcome, whether a row stands on each side, the merges, and how often the mirror has queued them.
SELECT k.outcome, u.id IS NOT NULL, c.id IS NOT NULL, m.customer_id,
    ARRAY(SELECT o.user_id FROM separation_merges o WHERE o.customer_id = i.id ORDER BY 1),
    (SELECT count(*) FROM separation_pending p WHERE p.user_id = i.id)
FROM (SELECT %(id)s::integer AS id) i
    LEFT JOIN users u ON u.id = i.id
    LEFT JOIN customers c ON c.id = i.id
    LEFT JOIN separation_merges m ON m.user_id = i.id
    LEFT JOIN ({{classified_users}} WHERE u.id = %(id)s) k ON k.id = i.id

-- name: customer
-- Gives the row in customers: email, whether active and verified, times, the profile, and the log-ins.
SELECT c.email, c.is_active, c.email_verified, c.anonymized_at::text, c.created_at::text, c.updated_at::text,
    c.last_login::text, (SELECT count(*) FROM customer_profiles p WHERE p.customer_id = c.id)
FROM customers c WHERE c.id = %(id)s

-- name: sessions
-- Counts the log-ins: all, those that are open, and when one was used last.
SELECT count(*), count(*) FILTER (WHERE s.revoked_at IS NULL AND s.expires_at > now() AT TIME ZONE 'UTC'),
    max(coalesce(s.last_used_at, s.created_at))::text
FROM customer_sessions s WHERE s.customer_id = %(id)s

-- name: mails
-- Counts the mails to this address by what became of them; nothing in them is looked at.
SELECT CASE e.status WHEN 0 THEN 'sent' WHEN 1 THEN 'failed' ELSE 'queued' END, count(*)
FROM post_office_email e WHERE lower(e."to") = lower(btrim(%(email)s, {{blanks}})) GROUP BY 1 ORDER BY 1

-- name: password
-- Tells what the password is good for, in words that say nothing of it; null if there is no row to have one.
SELECT CASE
    WHEN c.id IS NOT NULL AND NOT c.is_active THEN 'deactivated: opens neither application'
    WHEN c.id IS NOT NULL AND left(c.password, 1) = '!' THEN 'unusable: nobody can log in with it'
    WHEN u.password = 'MIGRATED_TO_CUSTOMERS_TABLE' THEN 'overwritten in users by an earlier attempt'
    WHEN c.id IS NOT NULL AND u.id IS NOT NULL AND c.password <> u.password THEN 'differs between users and customers'
    WHEN coalesce(c.password, u.password) ~ '^[$]2[aby][$]' THEN 'bcrypt, as it was'
    WHEN coalesce(c.password, u.password) ~ '^[$]?argon2' THEN 'Argon2, set or renewed since clean-up'
    WHEN u.id IS NOT NULL THEN 'no bcrypt: no application can read it'
    END
FROM (SELECT %(id)s::integer AS id) i
    LEFT JOIN users u ON u.id = i.id LEFT JOIN customers c ON c.id = i.id AND c.id > 0

-- name: password_in_users
-- Tells the same before adoption.
SELECT CASE WHEN password = 'MIGRATED_TO_CUSTOMERS_TABLE' THEN 'overwritten in users by an earlier attempt'
    WHEN password ~ '^[$]2[aby][$]' THEN 'bcrypt, as it was' ELSE 'no bcrypt: no application can read it' END
FROM users WHERE id = %(id)s

-- name: works
-- Gives what makes this person staff: the role, the places above STAFF, and what they wrote.
SELECT nullif(u.role::text, 'USER'),
    ARRAY(SELECT concat(s.role, ' of restaurant ', s.restaurant_id) FROM restaurant_staff s
        WHERE s.user_id = u.id AND s.role <> 'STAFF' ORDER BY s.restaurant_id),
    (SELECT count(*) FROM recipes r WHERE r.user_id = u.id), (SELECT count(*) FROM menus m WHERE m.user_id = u.id)
FROM users u WHERE u.id = %(id)s

-- name: twins
-- Gives who else has this person's email in users, in any case and without blanks.
SELECT u.id FROM users u
WHERE u.id <> %(id)s AND {{email_key}} <> ''
    AND {{email_key}} = (SELECT lower(btrim(o.email, {{blanks}})) FROM users o WHERE o.id = %(id)s) ORDER BY 1 LIMIT 10

-- name: bookings_by_user
-- Counts this person's reservations and orders by user_id.
SELECT (SELECT count(*) FROM reservations t WHERE t.user_id = %(id)s),
    (SELECT count(*) FROM orders t WHERE t.user_id = %(id)s)

-- name: bookings
-- Counts this person's reservations and orders by user_id, and by customer_id, and the restaurants that know the customer.
SELECT (SELECT count(*) FROM reservations t WHERE t.user_id = %(id)s),
    (SELECT count(*) FROM reservations t WHERE t.customer_id = %(id)s),
    (SELECT count(*) FROM orders t WHERE t.user_id = %(id)s),
    (SELECT count(*) FROM orders t WHERE t.customer_id = %(id)s),
    (SELECT count(*) FROM customer_restaurants l WHERE l.customer_id = %(id)s)

-- name: booked_by_others
-- Gives the reservations with this person's email that others made, who have another, and that do not name this person.
SELECT count(*), (array_agg(t.id ORDER BY t.id))[1:10] FROM reservations t
WHERE lower(btrim(t.customer_email, {{blanks}})) = lower(btrim(%(email)s, {{blanks}})) AND %(email)s <> ''
    AND t.user_id IS DISTINCT FROM %(id)s AND t.customer_id IS DISTINCT FROM %(id)s
    AND NOT EXISTS (
        SELECT FROM users u WHERE u.id = t.user_id AND {{email_key}} = lower(btrim(%(email)s, {{blanks}})))

-- name: archived
-- Gives when, and by which run, clean-up took this person's row out of users.
SELECT archived_at, run_id FROM separation_archive
WHERE table_name = 'users' AND row_id = %(id)s::text AND gone ORDER BY id DESC LIMIT 1
