-- The mirror: what the old application writes, repeated in the new tables, in its own transaction.
--
-- Each block makes one function, but for parts of some and, at the end, conditions and triggers. The functions run
-- with the rights of their owner, since the old application's role has none on the new tables, and see fixed schemas
-- only. Whatever goes wrong in here, a lock that another session holds above all, must not reach the old application: the
-- people concerned are queued in separation_pending instead, and `separation.mirror.drain` brings them into step. In
-- another isolation than READ COMMITTED everything is queued, for there the mirror would look at a snapshot of the past.
--
-- What needs nothing costs next to nothing: conditions in the triggers' WHEN tell it row by row, before any function is
-- called. A row that needs something marks its table, by a setting that ends with the transaction; at the end of the
-- statement all of its rows are then followed in sets. Triggers that look at single rows are named to fire last. A
-- condition in WHEN is parsed anew for each statement: where the function is called nearly always, the function asks.
--
-- Transition tables are read into arrays, and only arrays are joined with tables: a plan that was made for one row is
-- kept for ten thousand. A row that several cascades of one statement wrote stands in them several times.

-- name: as_owner
-- How a function runs: with the rights of its owner, seeing these schemas.
SECURITY DEFINER SET search_path = {{schema}}, pg_temp

-- name: planned_once
-- The same, and each of its queries is planned once in a session, for arrays of any length.
{{as_owner}} SET plan_cache_mode = force_generic_plan

-- name: queue
-- Queues people; waits for nobody.
CREATE OR REPLACE FUNCTION separation_queue(ids integer[]) RETURNS void
LANGUAGE sql {{planned_once}} AS $mirror$
    INSERT INTO separation_pending (user_id) SELECT DISTINCT i.id FROM unnest(ids) i (id) WHERE i.id IS NOT NULL
$mirror$

-- name: seen
-- Notes that the old application wrote a customer, at most once a minute: in a sequence, where nobody waits for anybody and
-- nothing is left to be swept up. What is undone later counts too. The session remembers the minute in which it did.
CREATE OR REPLACE FUNCTION separation_seen() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp AS $mirror$
BEGIN
    IF (SELECT s.last_value FROM separation_last_write s) < extract(epoch FROM now()) - 60 THEN
        PERFORM setval('separation_last_write', extract(epoch FROM now())::bigint);
    END IF;
    PERFORM set_config('separation.seen', date_trunc('minute', now())::text, false);
END
$mirror$

-- name: unseen
-- Whether this session has not noted that in this minute: asked before the function is called, which costs 10 us.
current_setting('separation.seen', true) IS DISTINCT FROM date_trunc('minute', now())::text

-- name: count_people
-- Counts the rows, one for each of these people, that the mirror repeats in the new tables: in a sequence, where nobody
-- waits for anybody. What is undone later counts too. An assignment costs 1 us, a query 10.
IF cardinality(ids) = 1 THEN
    counted := nextval('separation_mirrored');
ELSE
    SELECT count(nextval('separation_mirrored')) INTO counted FROM unnest(ids);
END IF

-- name: unearned
-- Gives the links of these customers without a reason, and whether somebody wrote notes on them or marked them.
SELECT t.id, t.customer_id, coalesce(t.notes, '') <> '' OR t.vip_status AS stays,
    (t.visit_count, t.total_spent) IS DISTINCT FROM (0, 0) AS counts
FROM customer_restaurants t
WHERE t.customer_id = ANY (ids)
    AND NOT EXISTS (SELECT FROM reservations r
        WHERE r.customer_id = t.customer_id AND r.restaurant_id = t.restaurant_id)
    AND NOT EXISTS (SELECT FROM orders o
        WHERE o.customer_id = t.customer_id AND o.restaurant_id = t.restaurant_id)
    AND NOT EXISTS (SELECT FROM restaurant_staff s
        WHERE s.user_id = t.customer_id AND s.restaurant_id = t.restaurant_id AND s.role = 'STAFF')
    AND NOT EXISTS (SELECT FROM separation_merges m
            JOIN users u ON u.id = m.user_id AND u.is_customer
            JOIN restaurant_staff s ON s.user_id = m.user_id AND s.role = 'STAFF'
        WHERE m.customer_id = t.customer_id AND s.restaurant_id = t.restaurant_id)

-- name: idle
-- Gives the same links; of a customer who has no others, and no notes on these, the first stays too. So whoever was
-- linked to the only restaurant there was stays linked when a second comes, and nobody is known to no restaurant at all.
SELECT u.id, u.customer_id, u.counts, u.stays OR (
    u.id = min(u.id) OVER same AND NOT bool_or(u.stays) OVER same AND count(*) OVER same
        = (SELECT count(*) FROM customer_restaurants o WHERE o.customer_id = u.customer_id)) AS stays
FROM ({{unearned}}) u WINDOW same AS (PARTITION BY u.customer_id)

-- name: links
-- Brings the links of these customers to restaurants into step with what they are made from. One without a reason goes,
-- or its figures do; before that its customer is locked against bookings that count on it, and looked at again. The caller
-- holds the customers' rows.
CREATE OR REPLACE FUNCTION separation_links(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
    losing integer[];
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    WITH people AS (SELECT c.id FROM customers c WHERE c.id = ANY (ids)),
    facts AS (
        SELECT v.* FROM people p CROSS JOIN LATERAL customer_visits(p.id, p.id) v
        UNION ALL
        SELECT s.user_id, s.restaurant_id, NULL, NULL, 0, 0
        FROM restaurant_staff s WHERE s.user_id = ANY (ids) AND s.role = 'STAFF'
        UNION ALL
        SELECT m.customer_id, s.restaurant_id, NULL, NULL, 0, 0
        FROM separation_merges m
            JOIN users u ON u.id = m.user_id AND u.is_customer
            JOIN restaurant_staff s ON s.user_id = m.user_id AND s.role = 'STAFF'
        WHERE m.customer_id = ANY (ids)
    ),
    {{link_people}};

    losing := ARRAY(SELECT DISTINCT i.customer_id FROM ({{idle}}) i WHERE i.counts OR NOT i.stays);
    IF losing <> '{}' THEN
        PERFORM c.id FROM customers c WHERE c.id = ANY (losing) ORDER BY c.id FOR UPDATE;
        WITH idle AS ({{idle}}),
        emptied AS (
            UPDATE customer_restaurants t SET first_visit = NULL, last_visit = NULL, visit_count = 0, total_spent = 0
            FROM idle i WHERE i.id = t.id AND i.stays AND i.counts
        )
        DELETE FROM customer_restaurants t USING idle i WHERE i.id = t.id AND NOT i.stays;
    END IF;
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: let_go
-- Lets those of these customers go of their email who have another in users by now while somebody else has this one: two
-- people who exchange emails would both be refused. The caller renews them, and the bypass is on.
CREATE OR REPLACE FUNCTION separation_let_go(ids integer[]) RETURNS void
LANGUAGE sql {{planned_once}} AS $mirror$
    UPDATE customers c SET email = 'renewed-' || c.id || '@invalid'
    WHERE c.id = ANY (ids)
        AND NOT EXISTS (SELECT FROM users u
            WHERE u.id = c.id AND lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(c.email))
        AND EXISTS (SELECT FROM users u
            WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(c.email) AND u.is_customer AND u.id <> c.id)
$mirror$

-- name: renew
-- Brings the columns of these customers into step with users; writes no row that is right. What users cannot say stays:
-- how a name falls into first and last, whether somebody without a readable hash is deactivated. An email that the old
-- application changed is not verified any more, unless the old application's own profile says so. The caller holds the
-- customers' rows, and has let go of emails that others have by now.
CREATE OR REPLACE FUNCTION separation_renew(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    WITH classified AS ({{classified_users}} WHERE u.id = ANY (ids))
    UPDATE customers c SET email = n.email, password = n.password, is_active = n.is_active, first_name = n.first_name,
        last_name = n.last_name, phone = n.phone, email_verified = n.email_verified,
        email_verified_at = CASE WHEN n.email_verified THEN c.email_verified_at END,
        created_at = n.created_at, updated_at = n.updated_at
    FROM (
        SELECT k.id, k.email, k.phone::text, k.created_at, k.updated_at,
            CASE WHEN k.password = '!' AND o.password LIKE '!%' THEN o.password ELSE k.password END AS password,
            coalesce(k.is_active, o.is_active) AS is_active,
            CASE WHEN same.name THEN o.first_name ELSE k.first_name END AS first_name,
            CASE WHEN same.name THEN o.last_name ELSE k.last_name END AS last_name,
            coalesce(p.email_verified, o.email_verified AND lower(o.email) = lower(k.email)) AS email_verified
        FROM ({{as_customers}}) k
            JOIN customers o ON o.id = k.id
            LEFT JOIN customer_profiles p ON p.user_id = k.id
            CROSS JOIN LATERAL (SELECT btrim(regexp_replace(o.first_name || ' ' || o.last_name, '\s+', ' ', 'g'))
                = btrim(k.first_name || ' ' || k.last_name) AS name) same
    ) n
    WHERE c.id = n.id
        AND (c.email, c.password, c.is_active, c.first_name, c.last_name, c.phone, c.email_verified, c.created_at,
            c.updated_at) IS DISTINCT FROM (n.email, n.password, n.is_active, n.first_name, n.last_name, n.phone,
            n.email_verified, n.created_at, n.updated_at);
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: fill
-- Fills what is empty in the profiles of these customers from the profiles of those merged into them, the lowest id first,
-- and remembers what; what was filled before and is not so any more is emptied again, unless it was changed since. Those
-- in `without` give nothing. That somebody agreed to marketing, or verified an email or a phone, is not handed on.
CREATE OR REPLACE FUNCTION separation_fill(winners integer[], without integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    WITH merged AS (
        SELECT m.user_id, m.customer_id, m.filled,
            CASE WHEN u.id IS NOT NULL AND m.user_id <> ALL (without) THEN to_jsonb(p) END AS theirs
        FROM separation_merges m
            LEFT JOIN users u ON u.id = m.user_id AND u.is_customer
            LEFT JOIN customer_profiles p ON p.user_id = m.user_id
        WHERE m.customer_id = ANY (winners)
    ),
    fields AS (
        SELECT p.id, p.customer_id, k.name, to_jsonb(p) -> k.name AS present,
            coalesce(
                (SELECT m.filled -> k.name -> 0 FROM merged m
                WHERE m.customer_id = p.customer_id AND m.filled -> k.name -> 1 = to_jsonb(p) -> k.name),
                to_jsonb(p) -> k.name) AS own
        FROM customer_profiles p CROSS JOIN unnest({{fillable}}) k (name)
        WHERE p.customer_id = ANY (winners)
    ),
    wanted AS (
        SELECT f.*, g.user_id AS giver, coalesce(g.given, f.own) AS value
        FROM fields f LEFT JOIN LATERAL (
            SELECT m.user_id, m.theirs -> f.name AS given FROM merged m
            WHERE m.customer_id = f.customer_id
                AND coalesce(m.theirs -> f.name, 'null') NOT IN ('null', '""', '[]', '{}', 'false')
                AND f.own IN ('null', '""', '[]', '{}', 'false')
            ORDER BY m.user_id LIMIT 1
        ) g ON true
    ),
    written AS (
        UPDATE customer_profiles p SET preferred_contact_method = r.preferred_contact_method,
            dietary_restrictions = r.dietary_restrictions, special_requests = r.special_requests,
            vip_status = r.vip_status, tags = r.tags, notes = r.notes, birthday = r.birthday,
            anniversary = r.anniversary, preferences = r.preferences
        FROM (SELECT w.id, jsonb_object_agg(w.name, w.value) AS columns FROM wanted w
            GROUP BY w.id HAVING bool_or(w.value IS DISTINCT FROM w.present)) w
            CROSS JOIN LATERAL jsonb_populate_record(NULL::customer_profiles, w.columns) r
        WHERE p.id = w.id
    )
    UPDATE separation_merges m SET filled = n.filled
    FROM (
        SELECT o.user_id, coalesce(
            jsonb_object_agg(w.name, jsonb_build_array(w.own, w.value)) FILTER (WHERE w.name IS NOT NULL), '{}') AS filled
        FROM merged o LEFT JOIN wanted w ON w.giver = o.user_id
        GROUP BY o.user_id
    ) n
    WHERE m.user_id = n.user_id AND m.filled <> n.filled;
END
$mirror$

-- name: part
-- Parts these people from those they were merged into, as a roll-back would: each customer_id says again what it said
-- before, and their profiles give nothing any more.
CREATE OR REPLACE FUNCTION separation_part(losers integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    PERFORM separation_fill(ARRAY(
        SELECT DISTINCT m.customer_id FROM separation_merges m WHERE m.user_id = ANY (losers)), losers);
    UPDATE reservations t SET customer_id = NULL FROM separation_merges m
    WHERE m.user_id = ANY (losers) AND t.user_id = m.user_id AND t.customer_id = m.customer_id
        AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'reservations' AND u.row_id = t.id);
    UPDATE orders t SET customer_id = NULL FROM separation_merges m
    WHERE m.user_id = ANY (losers) AND t.user_id = m.user_id AND t.customer_id = m.customer_id
        AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'orders' AND u.row_id = t.id);
    WITH named AS (
        UPDATE reservations t SET customer_id = m.user_id FROM separation_merges m, separation_undo u
        WHERE m.user_id = ANY (losers) AND t.customer_id = m.customer_id
            AND u.table_name = 'reservations' AND u.row_id = t.id AND u.customer_id = m.user_id
        RETURNING t.id
    )
    DELETE FROM separation_undo u USING named WHERE u.table_name = 'reservations' AND u.row_id = named.id;
    WITH named AS (
        UPDATE orders t SET customer_id = m.user_id FROM separation_merges m, separation_undo u
        WHERE m.user_id = ANY (losers) AND t.customer_id = m.customer_id
            AND u.table_name = 'orders' AND u.row_id = t.id AND u.customer_id = m.user_id
        RETURNING t.id
    )
    DELETE FROM separation_undo u USING named WHERE u.table_name = 'orders' AND u.row_id = named.id;
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: merge
-- Brings into step what these people were merged into, or was merged into them: bookings and restaurant links of whoever
-- was merged are the other's, as long as the one is a customer of users and the other is moved. The bypass is on.
CREATE OR REPLACE FUNCTION separation_merge(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    parted integer[]; joined integer[]; winners integer[];
BEGIN
    PERFORM c.id FROM customers c JOIN separation_merges m ON m.customer_id = c.id
    WHERE m.user_id = ANY (ids) OR m.customer_id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE OF c;
    SELECT array_agg(m.user_id) FILTER (WHERE c.id IS NULL OR u.id IS NULL),
        array_agg(m.user_id) FILTER (WHERE c.id IS NOT NULL AND u.id IS NOT NULL), array_agg(DISTINCT c.id)
    INTO parted, joined, winners
    FROM separation_merges m
        LEFT JOIN customers c ON c.id = m.customer_id LEFT JOIN users u ON u.id = m.user_id AND u.is_customer
    WHERE m.user_id = ANY (ids) OR m.customer_id = ANY (ids);

    IF parted <> '{}' THEN
        PERFORM separation_part(parted);
        DELETE FROM separation_merges m
        WHERE m.user_id = ANY (parted) AND NOT EXISTS (SELECT FROM users u WHERE u.id = m.user_id);
    END IF;
    IF joined <> '{}' THEN
        INSERT INTO separation_undo (table_name, row_id, customer_id)
        SELECT 'reservations', t.id, t.customer_id FROM reservations t WHERE t.customer_id = ANY (joined)
        UNION ALL
        SELECT 'orders', t.id, t.customer_id FROM orders t WHERE t.customer_id = ANY (joined)
        ON CONFLICT (table_name, row_id) DO UPDATE SET customer_id = excluded.customer_id;
        UPDATE reservations t SET customer_id = m.customer_id FROM separation_merges m
        WHERE m.user_id = ANY (joined) AND t.customer_id = m.user_id;
        UPDATE reservations t SET customer_id = m.customer_id FROM separation_merges m
        WHERE m.user_id = ANY (joined) AND t.user_id = m.user_id AND num_nulls(t.customer_id) = 1;
        UPDATE orders t SET customer_id = m.customer_id FROM separation_merges m
        WHERE m.user_id = ANY (joined) AND t.customer_id = m.user_id;
        UPDATE orders t SET customer_id = m.customer_id FROM separation_merges m
        WHERE m.user_id = ANY (joined) AND t.user_id = m.user_id AND num_nulls(t.customer_id) = 1;
        PERFORM separation_fill(winners, '{}');
    END IF;
    PERFORM separation_links(array_remove(winners, NULL));
END
$mirror$

-- name: take_out
-- Takes these customers out of the new tables again, as a roll-back would: what was filled is emptied, and no more.
CREATE OR REPLACE FUNCTION separation_take_out(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    PERFORM separation_part(ARRAY(SELECT m.user_id FROM separation_merges m WHERE m.customer_id = ANY (ids)));
    UPDATE reservations t SET customer_id = NULL
    WHERE t.user_id = ANY (ids) AND t.customer_id = t.user_id
        AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'reservations' AND u.row_id = t.id);
    UPDATE orders t SET customer_id = NULL
    WHERE t.user_id = ANY (ids) AND t.customer_id = t.user_id
        AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = 'orders' AND u.row_id = t.id);
    DELETE FROM customer_profiles p WHERE p.customer_id = ANY (ids) AND p.user_id IS NULL;
    UPDATE customer_profiles p SET customer_id = NULL WHERE p.customer_id = ANY (ids);
    DELETE FROM customers c WHERE c.id = ANY (ids);
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: set_aside
-- Sets aside, in a finding, what only the new tables hold of customers who are none any more, or cannot be for now, though
-- users has them: their profiles, and what restaurants wrote about them. Of whoever is deleted nothing is kept.
CREATE OR REPLACE FUNCTION separation_set_aside(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    -- What a merge filled is not theirs.
    PERFORM separation_part(ARRAY(SELECT m.user_id FROM separation_merges m WHERE m.customer_id = ANY (ids)));
    INSERT INTO separation_findings (kind, table_name, row_id, detail)
    SELECT 'set_aside', 'users', s.id, jsonb_strip_nulls(jsonb_build_object('profile', s.profile, 'links', s.links))
    FROM (
        SELECT u.id,
            (SELECT to_jsonb(p) - '{id,customer_id,user_id,email_verified,created_at,updated_at}'::text[]
            FROM customer_profiles p
            WHERE p.customer_id = u.id AND p.user_id IS NULL AND NOT separation_profile_is_empty(p)) AS profile,
            (SELECT jsonb_agg(jsonb_build_object('restaurant_id', l.restaurant_id, 'notes', l.notes,
                'vip_status', l.vip_status))
            FROM customer_restaurants l
            WHERE l.customer_id = u.id AND (l.vip_status OR coalesce(l.notes, '') <> '')) AS links
        FROM users u WHERE u.id = ANY (ids)
    ) s
    WHERE num_nonnulls(s.profile, s.links) > 0
    ON CONFLICT (kind, table_name, row_id)
        DO UPDATE SET state = 'open', detail = excluded.detail, updated_at = now();
END
$mirror$

-- name: give_back
-- Gives customers who have come back what was set aside of them.
CREATE OR REPLACE FUNCTION separation_give_back(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    UPDATE customer_profiles p SET phone_verified = s.phone_verified, preferred_contact_method = s.preferred_contact_method,
        dietary_restrictions = s.dietary_restrictions, special_requests = s.special_requests, vip_status = s.vip_status,
        tags = s.tags, notes = s.notes, marketing_opt_in = s.marketing_opt_in, birthday = s.birthday,
        anniversary = s.anniversary, preferences = s.preferences
    FROM separation_findings f CROSS JOIN LATERAL jsonb_populate_record(NULL::customer_profiles, f.detail -> 'profile') s
    WHERE f.kind = 'set_aside' AND f.table_name = 'users' AND f.state = 'open' AND f.row_id = ANY (ids)
        AND f.detail ? 'profile' AND p.customer_id = f.row_id AND p.user_id IS NULL;
    INSERT INTO customer_restaurants (customer_id, restaurant_id, notes, vip_status)
    SELECT f.row_id, s.restaurant_id, s.notes, s.vip_status
    FROM separation_findings f
        CROSS JOIN LATERAL jsonb_populate_recordset(NULL::customer_restaurants, f.detail -> 'links') s
    WHERE f.kind = 'set_aside' AND f.table_name = 'users' AND f.state = 'open' AND f.row_id = ANY (ids)
        AND EXISTS (SELECT FROM restaurants r WHERE r.id = s.restaurant_id)
    ON CONFLICT (customer_id, restaurant_id) DO UPDATE SET notes = excluded.notes, vip_status = excluded.vip_status;
    UPDATE separation_findings f SET state = 'gone', detail = '{}', updated_at = now()
    WHERE f.kind = 'set_aside' AND f.table_name = 'users' AND f.state = 'open' AND f.row_id = ANY (ids);
END
$mirror$

-- name: find
-- Records what keeps people back, and who has no readable hash; what was found of these people before and is not so any
-- more is gone. What staff decided stays on record, and settles a finding as long as it holds.
CREATE OR REPLACE FUNCTION separation_find(ids integer[], kept integer[], kinds text[], unreadable integer[])
RETURNS void LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    WITH current AS (
        SELECT k.id, CASE k.kind WHEN 'merged' THEN 'duplicate_email' ELSE k.kind END AS kind
        FROM unnest(kept, kinds) k (id, kind)
        UNION ALL
        SELECT i.id, 'needs_password_reset' FROM unnest(unreadable) i (id)
    ),
    noted AS (
        INSERT INTO separation_findings (kind, table_name, row_id) SELECT kind, 'users', id FROM current
        ON CONFLICT (kind, table_name, row_id)
            DO UPDATE SET state = {{finding_state}}, updated_at = now()
            WHERE separation_findings.state <> {{finding_state}}
    )
    UPDATE separation_findings f SET state = 'gone', updated_at = now()
    WHERE f.table_name = 'users' AND f.row_id = ANY (ids)
        AND (f.state = 'open' OR f.state = 'settled' AND f.decision IN ('staff', 'left'))
        AND f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed',
            'needs_password_reset')
        AND NOT EXISTS (SELECT FROM current k WHERE k.id = f.row_id AND k.kind = f.kind);
END
$mirror$

-- name: earlier
-- Gives the rows of an earlier attempt that are of these customers of users, the best of each at place 1. A row is
-- whose email it has, to the letter or as the only one without regard to case and blanks, provided that they were there
-- first or have its hash or the attempt's marker: whoever registered with that email later is somebody else.
CREATE OR REPLACE FUNCTION separation_earlier(ids integer[])
RETURNS TABLE (user_id integer, earlier_id integer, readable boolean, place bigint)
LANGUAGE sql STABLE {{planned_once}} AS $mirror$
    SELECT u.id, e.id, e.readable,
        row_number() OVER (PARTITION BY u.id ORDER BY e.readable DESC, e.email = u.email DESC, e.id)
    FROM users u CROSS JOIN LATERAL (
        SELECT c.id, c.email, c.password, c.created_at,
            coalesce(c.password ~ '^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$', false) AS readable
        FROM customers c
        WHERE c.id < 0 AND lower(btrim(c.email, E' \t\n\r\f\x0b')) = lower(btrim(u.email, E' \t\n\r\f\x0b'))
        OFFSET 0
    ) e
    WHERE u.id = ANY (ids) AND u.is_customer
        AND (u.password IN ('MIGRATED_TO_CUSTOMERS_TABLE', e.password)
            OR u.created_at <= coalesce(e.created_at, 'infinity'))
        AND (e.email = u.email OR NOT EXISTS (
            SELECT FROM users o
            WHERE lower(btrim(o.email, E' \t\n\r\f\x0b')) = lower(btrim(u.email, E' \t\n\r\f\x0b')) AND o.id <> u.id))
$mirror$

-- name: put_back
-- Puts the passwords back that an earlier attempt overwrote in users with its marker and kept in customers: the one thing
-- that is ever written to users. Gives how many. The caller holds the rows of users.
CREATE OR REPLACE FUNCTION separation_put_back(ids integer[]) RETURNS integer
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), ''); written integer;
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    UPDATE users u SET password = c.password FROM separation_earlier(ids) e JOIN customers c ON c.id = e.earlier_id
    WHERE u.id = e.user_id AND e.place = 1 AND e.readable AND u.password = 'MIGRATED_TO_CUSTOMERS_TABLE';
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('separation.bypass', bypass, true);
    RETURN written;
END
$mirror$

-- name: adopt
-- Gives customers who have just been inserted what only an earlier attempt's row of theirs knows, and records whose row
-- that is; the row itself stays as it is.
CREATE OR REPLACE FUNCTION separation_adopt(ids integer[]) RETURNS integer
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), ''); adopted integer[];
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    WITH earlier AS MATERIALIZED (
        SELECT e.* FROM separation_earlier(ids) e JOIN customers c ON c.id = e.user_id
    ),
    recorded AS (
        INSERT INTO separation_undo (table_name, row_id, customer_id)
        SELECT 'customers', e.earlier_id, e.user_id FROM earlier e
        ON CONFLICT (table_name, row_id) DO UPDATE SET customer_id = excluded.customer_id RETURNING row_id
    ),
    given AS (
        UPDATE customers c SET last_login = p.last_login,
            email_verified = coalesce(l.email_verified, p.email_verified, false),
            email_verified_at = CASE WHEN coalesce(l.email_verified, true) THEN p.email_verified_at END
        FROM earlier e JOIN customers p ON p.id = e.earlier_id
            LEFT JOIN customer_profiles l ON l.user_id = e.user_id
        WHERE c.id = e.user_id AND e.place = 1
    ),
    links AS (
        INSERT INTO customer_restaurants AS t (customer_id, restaurant_id, notes, vip_status)
        SELECT DISTINCT ON (e.user_id, l.restaurant_id) e.user_id, l.restaurant_id, l.notes, coalesce(l.vip_status, false)
        FROM earlier e JOIN customer_restaurants l ON l.customer_id = e.earlier_id
        WHERE coalesce(l.notes, '') <> '' OR l.vip_status
        ORDER BY e.user_id, l.restaurant_id, e.place
        ON CONFLICT (customer_id, restaurant_id) DO UPDATE SET notes = excluded.notes, vip_status = excluded.vip_status
    )
    SELECT array_agg(r.row_id) INTO adopted FROM recorded r;
    UPDATE separation_findings f SET state = 'gone', updated_at = now()
    WHERE f.kind = 'no_user' AND f.table_name = 'customers' AND f.state = 'open' AND f.row_id = ANY (adopted);
    PERFORM set_config('separation.bypass', bypass, true);
    RETURN coalesce(cardinality(adopted), 0);
END
$mirror$

-- name: abandon
-- Records the earlier attempt's rows of these people, who are customers no more, as rows of nobody.
CREATE OR REPLACE FUNCTION separation_abandon(ids integer[]) RETURNS void
LANGUAGE sql {{planned_once}} AS $mirror$
    WITH left_over AS (
        DELETE FROM separation_undo u
        WHERE u.table_name = 'customers' AND u.customer_id = ANY (ids)
            AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.customer_id)
        RETURNING u.row_id
    )
    INSERT INTO separation_findings (kind, table_name, row_id) SELECT 'no_user', 'customers', l.row_id FROM left_over l
    ON CONFLICT (kind, table_name, row_id)
        DO UPDATE SET state = 'open', updated_at = now() WHERE separation_findings.state = 'gone'
$mirror$

-- name: sync
-- Brings everything of these people in the new tables into step with users, whatever was there before: who moves by now
-- is inserted, who is customer no more or cannot move is taken out, and why is a finding. Idempotent. Whoever shares an
-- email with a later duplicate stays, for nobody loses an account because another registered.
CREATE OR REPLACE FUNCTION separation_sync(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
    stays integer[]; comes integer[]; moves integer[]; kept integer[]; kinds text[]; unreadable integer[];
    goes integer[]; inserted integer; parked boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN;
    END IF;
    PERFORM set_config('separation.bypass', 'on', true);
    -- From here on nobody else brings these people into step; what is read from now on is what they wrote.
    PERFORM c.id FROM customers c WHERE c.id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE;
    parked := coalesce((SELECT min(c.id) FROM customers c) < 0, false);  -- one look into the index, analysed or not
    IF parked THEN
        PERFORM separation_put_back(ids);
    END IF;
    SELECT array_agg(p.id) FILTER (WHERE p.moves AND p.moved), array_agg(p.id) FILTER (WHERE p.moves AND NOT p.moved),
        array_agg(p.id) FILTER (WHERE NOT p.moves), array_agg(p.outcome) FILTER (WHERE NOT p.moves),
        array_agg(p.id) FILTER (WHERE p.moves AND NOT p.bcrypt AND NOT p.forgotten)
    INTO stays, comes, kept, kinds, unreadable
    FROM (
        SELECT k.id, k.outcome, k.bcrypt, k.forgotten, c.id IS NOT NULL AS moved,
            k.outcome = 'move' OR k.outcome = 'duplicate_email' AND c.id IS NOT NULL
                AND lower(c.email) = lower(btrim(k.email, E' \t\n\r\f\x0b')) AS moves
        FROM ({{classified_users}} WHERE u.is_customer AND u.id = ANY (ids)) k LEFT JOIN customers c ON c.id = k.id
    ) p;
    moves := coalesce(stays, '{}') || coalesce(comes, '{}');
    goes := ARRAY(SELECT c.id FROM customers c WHERE c.id = ANY (ids) EXCEPT SELECT unnest(stays));

    IF goes <> '{}' THEN
        PERFORM separation_set_aside(goes);
        PERFORM separation_take_out(goes);
    END IF;
    UPDATE customer_profiles p SET customer_id = NULL
    WHERE p.customer_id = ANY (ids) AND p.user_id IS NOT NULL AND p.user_id <> p.customer_id;
    IF stays <> '{}' THEN
        PERFORM separation_let_go(stays);
        PERFORM separation_renew(stays);
    END IF;
    IF comes <> '{}' THEN
        INSERT INTO separation_undo (table_name, row_id, customer_id)
        SELECT 'reservations', t.id, t.customer_id FROM reservations t WHERE t.customer_id = ANY (comes)
        UNION ALL
        SELECT 'orders', t.id, t.customer_id FROM orders t WHERE t.customer_id = ANY (comes)
        ON CONFLICT (table_name, row_id) DO NOTHING;
        WITH classified AS MATERIALIZED ({{classified_users}} WHERE u.is_customer AND u.id = ANY (comes))
        {{insert_customers}};
        GET DIAGNOSTICS inserted = ROW_COUNT;
        IF inserted < cardinality(comes) THEN
            -- Another session inserted some of them meanwhile, from what it saw.
            PERFORM c.id FROM customers c WHERE c.id = ANY (comes) ORDER BY c.id FOR NO KEY UPDATE;
            PERFORM separation_let_go(comes);
            PERFORM separation_renew(comes);
        END IF;
    END IF;
    IF moves <> '{}' THEN
        -- A profile that the old application wrote takes over from the empty one. To look for nulls by IS NULL would be
        -- to read all of them in the index, dead ones too: every booking had a null before it was linked.
        DELETE FROM customer_profiles p USING customer_profiles legacy
        WHERE p.customer_id = ANY (moves) AND num_nulls(p.user_id) = 1 AND legacy.user_id = p.customer_id;
        UPDATE customer_profiles p SET customer_id = p.user_id
        WHERE p.user_id = ANY (moves) AND p.customer_id IS DISTINCT FROM p.user_id;
        {{insert_profiles}} AND c.id = ANY (moves);
        UPDATE reservations t SET customer_id = t.user_id
        WHERE t.user_id = ANY (moves) AND num_nulls(t.customer_id) = 1;
        UPDATE orders t SET customer_id = t.user_id
        WHERE t.user_id = ANY (moves) AND num_nulls(t.customer_id) = 1;
        IF comes <> '{}' THEN
            PERFORM separation_give_back(comes);
        END IF;
        PERFORM separation_links(moves);
    END IF;
    IF parked THEN
        PERFORM separation_adopt(comes);
        PERFORM separation_abandon(goes);
    END IF;
    IF EXISTS (SELECT FROM separation_merges m WHERE m.user_id = ANY (ids) OR m.customer_id = ANY (ids)) THEN
        PERFORM separation_merge(ids);
    END IF;
    PERFORM separation_find(ids, coalesce(kept, '{}'), coalesce(kinds, '{}'), coalesce(unreadable, '{}'));
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: arrive
-- Brings the customers of users with this email into step now, since one of them is at the door: who moves is moved, as by
-- a chunk, and what keeps the others back is a finding. Waits at most three seconds for whoever holds them, be it a chunk,
-- and raises lock_not_available after that. What somebody else wrote in the meantime is seen. Whoever cannot be moved
-- for another reason is queued, which makes that a finding.
CREATE OR REPLACE FUNCTION separation_arrive(address text) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '3s' AS $mirror$
DECLARE
    ids integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN;
    END IF;
    ids := ARRAY(
        SELECT u.id FROM users u
        WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(btrim(address, E' \t\n\r\f\x0b')) AND u.is_customer
        ORDER BY u.id FOR NO KEY UPDATE);
    IF ids <> '{}' THEN
        BEGIN
            PERFORM separation_sync(ids);
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN RAISE;
            WHEN OTHERS THEN PERFORM separation_queue(ids);
        END;
    END IF;
END
$mirror$

-- name: follow
-- Brings people into step if that can be done now, else queues them: raises nothing and waits briefly.
CREATE OR REPLACE FUNCTION separation_follow(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
DECLARE
    counted bigint;
BEGIN
    {{count_people}};
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM separation_queue(ids);
        RETURN;
    END IF;
    PERFORM separation_sync(ids);
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ids);
END
$mirror$

-- name: follow_changed
-- Brings moved customers into step of whom nothing changed that decides whether they move: their columns, and whether
-- their hash is readable. Raises nothing and waits briefly; whom it cannot do is queued.
CREATE OR REPLACE FUNCTION separation_follow_changed(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
DECLARE
    counted bigint;
BEGIN
    {{count_people}};
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM separation_queue(ids);
        RETURN;
    END IF;
    PERFORM c.id FROM customers c WHERE c.id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE;
    PERFORM separation_renew(ids);
    ids := ARRAY(
        SELECT c.id FROM customers c
        WHERE c.id = ANY (ids) AND (c.password LIKE '!%' AND c.anonymized_at IS NULL) <> EXISTS (
            SELECT FROM separation_findings f WHERE f.kind = 'needs_password_reset' AND f.table_name = 'users'
                AND f.row_id = c.id AND f.state <> 'gone'));
    IF ids <> '{}' THEN
        PERFORM separation_sync(ids);
    END IF;
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ids);
END
$mirror$

-- name: discard
-- Takes out customers whose id somebody else has in users by now: whoever had it went by a TRUNCATE, or unseen.
CREATE OR REPLACE FUNCTION separation_discard(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
BEGIN
    PERFORM separation_take_out(ids);
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ids);
END
$mirror$

-- name: on_users
-- Follows what happens to customers in users. Whoever was kept back as the duplicate of an email that is free again is
-- queued: to lock a person whom the old application did not write could make two of its transactions block each other.
CREATE OR REPLACE FUNCTION separation_on_users() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    ids integer[]; moved integer[]; stale integer[]; free text[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        ids := ARRAY(SELECT n.id FROM new_rows n);
        stale := ARRAY(SELECT c.id FROM customers c WHERE c.id = ANY (ids));
        IF stale <> '{}' THEN
            PERFORM separation_discard(stale);
        END IF;
        ids := ARRAY(SELECT n.id FROM new_rows n WHERE n.is_customer);
    ELSIF TG_OP = 'DELETE' THEN
        ids := ARRAY(SELECT o.id FROM old_rows o WHERE o.is_customer);
        free := ARRAY(SELECT DISTINCT lower(btrim(o.email, E' \t\n\r\f\x0b')) FROM old_rows o WHERE o.is_customer);
    ELSE
        -- A row that is the same before and after stands twice among both.
        ids := ARRAY(
            SELECT DISTINCT d.id FROM (
                SELECT r.id, r.is_customer FROM (
                    SELECT id, email, name, phone, password, role, is_customer, created_at, updated_at FROM old_rows
                    UNION ALL
                    SELECT id, email, name, phone, password, role, is_customer, created_at, updated_at FROM new_rows
                ) r
                GROUP BY r.id, r.email, r.name, r.phone, r.password, r.role, r.is_customer, r.created_at, r.updated_at
                HAVING count(*) = 1
            ) d WHERE d.is_customer);
        IF current_setting('separation.users_judged', true) = 'on' THEN
            free := ARRAY(
                SELECT lower(btrim(o.email, E' \t\n\r\f\x0b')) FROM old_rows o WHERE o.is_customer
                EXCEPT
                SELECT lower(btrim(n.email, E' \t\n\r\f\x0b')) FROM new_rows n WHERE n.is_customer);
        ELSIF ids <> '{}' THEN
            moved := ARRAY(SELECT c.id FROM customers c WHERE c.id = ANY (ids));
            IF moved <> '{}' THEN
                PERFORM separation_follow_changed(moved);
                ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(moved));
            END IF;
        END IF;
    END IF;
    IF (TG_OP = 'UPDATE' OR ids <> '{}') AND {{unseen}} THEN
        PERFORM separation_seen();
    END IF;
    IF ids <> '{}' THEN
        PERFORM separation_follow(ids);
    END IF;
    IF free <> '{}' THEN
        PERFORM separation_queue(ARRAY(
            SELECT u.id FROM users u
            WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = ANY (free) AND u.is_customer
                AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)));
    END IF;
    RETURN NULL;
END
$mirror$

-- name: follow_customers
-- Follows those of these users who are customers. Whoever is not moved yet is queued: a chunk that is open just now may
-- be moving them without seeing what was written, and unlike a write to users this one did not wait for it.
CREATE OR REPLACE FUNCTION separation_follow_customers(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    flagged integer[]; moved integer[];
BEGIN
    flagged := ARRAY(SELECT u.id FROM users u WHERE u.id = ANY (ids) AND u.is_customer);
    moved := ARRAY(SELECT c.id FROM customers c WHERE c.id = ANY (flagged));
    IF moved <> '{}' THEN
        PERFORM separation_follow(moved);
    END IF;
    IF flagged <> moved THEN
        PERFORM separation_queue(ARRAY(SELECT unnest(flagged) EXCEPT SELECT unnest(moved)));
    END IF;
END
$mirror$

-- name: on_owned
-- Follows the owners of what can change its owner: one of the role STAFF is a link, any other makes them staff, and so
-- does a recipe or a menu; a profile is its customer's.
CREATE OR REPLACE FUNCTION separation_on_owned() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM separation_follow_customers(ARRAY(SELECT DISTINCT n.user_id FROM new_rows n));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM separation_follow_customers(ARRAY(SELECT DISTINCT o.user_id FROM old_rows o));
    ELSE
        PERFORM separation_follow_customers(ARRAY(
            SELECT o.user_id FROM old_rows o UNION SELECT n.user_id FROM new_rows n));
    END IF;
    RETURN NULL;
END
$mirror$

-- name: on_dishes
-- Records the menus and recipes whose restaurant cannot be told: new ones, since the old application does not say, and
-- those whose restaurant is deleted.
CREATE OR REPLACE FUNCTION separation_on_dishes() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        INSERT INTO separation_findings (kind, table_name, row_id)
        SELECT DISTINCT 'no_restaurant', TG_TABLE_NAME, n.id FROM new_rows n WHERE n.restaurant_id IS NULL
        ON CONFLICT (kind, table_name, row_id)
            DO UPDATE SET state = 'open', updated_at = now() WHERE separation_findings.state = 'gone';
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;  -- the end of the next execute finds them
END
$mirror$

-- name: heir_of
-- The customer of users into whom the customer of users `person` is merged, if there is one.
SELECT m.customer_id FROM separation_merges m
    JOIN users u ON u.id = m.user_id AND u.is_customer JOIN users w ON w.id = m.customer_id
WHERE m.user_id = person

-- name: customer_for
-- Gives the customer whom a booking of this user is linked to: the one the user was merged into, else the user's own;
-- nobody, if that customer, or a link of theirs, is just being taken out, for the key would wait for that and then fail.
CREATE OR REPLACE FUNCTION separation_customer_for(person integer) RETURNS integer
LANGUAGE plpgsql {{as_owner}} AS $mirror$
DECLARE
    found integer;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        SELECT c.id INTO found FROM customers c
        WHERE c.id = coalesce(({{heir_of}}), person) FOR KEY SHARE SKIP LOCKED;
    END IF;
    RETURN found;
END
$mirror$

-- name: remember
-- Remembers a customer_id that the old application wrote itself: a roll-back must leave it.
CREATE OR REPLACE FUNCTION separation_remember(called text, identifier integer, customer integer, booker integer)
RETURNS void LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
BEGIN
    INSERT INTO separation_undo (table_name, row_id, customer_id) VALUES (called, identifier, customer)
    ON CONFLICT (table_name, row_id) DO UPDATE SET customer_id = excluded.customer_id
        -- Whoever writes back what a merge put there says nothing new.
        WHERE NOT EXISTS (
            SELECT FROM separation_merges m
            WHERE m.user_id = separation_undo.customer_id AND m.customer_id = excluded.customer_id);
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ARRAY[booker, customer]);
END
$mirror$

-- name: refuse_nobody
-- Refuses a booking of nobody, as the legacy schema did.
RAISE not_null_violation USING TABLE = TG_TABLE_NAME, COLUMN = 'user_id', SCHEMA = TG_TABLE_SCHEMA,
    MESSAGE = format('null value in column "user_id" of relation "%s" violates not-null constraint', TG_TABLE_NAME);

-- name: count_booking
-- Counts a booking that is given its customer, or, in the other direction, its user.
IF NEW.user_id IS NULL THEN
    counted := nextval('separation_mirrored_back');
ELSE
    counted := nextval('separation_mirrored');
END IF;

-- name: on_booked
-- Before a booking is inserted: gives it its customer, or its user, whichever is missing. One that counts as no visit, of
-- a customer whom the restaurant knows, needs no more. Whoever is not moved yet is queued, for a chunk that is open just
-- now may not see the booking. A customer named beside a user is what the old application says, and remembered. An order
-- at another restaurant than its reservation is followed, whosever it is. Each statement in here looks at as few tables
-- as it can, the most frequent outcome first, for to start one costs most of it: who is in customers is merged into
-- nobody, staff need no phase.
CREATE OR REPLACE FUNCTION separation_on_booked() RETURNS trigger
LANGUAGE plpgsql {{as_owner}} AS $mirror$
DECLARE
    person integer := coalesce(NEW.user_id, NEW.customer_id);
    customer integer; merged boolean; linked boolean; counted bigint;
BEGIN
    IF current_setting('separation.bypass', true) = 'on' THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'orders' THEN
        IF NEW.reservation_id IS NOT NULL THEN
            PERFORM set_config('separation.orders', 'on', true) FROM reservations r
            WHERE r.id = NEW.reservation_id AND r.restaurant_id <> NEW.restaurant_id;
        END IF;
    END IF;
    IF NEW.user_id IS NULL OR NEW.customer_id IS NULL THEN
        IF current_setting('transaction_isolation') = 'read committed' THEN
            SELECT c.id INTO customer FROM customers c WHERE c.id = person FOR KEY SHARE SKIP LOCKED;
        END IF;
        IF customer IS NULL THEN
            SELECT EXISTS (SELECT FROM separation_merges m WHERE m.user_id = u.id) INTO merged
            FROM users u WHERE u.id = person AND u.is_customer;
            IF merged THEN
                customer := separation_customer_for(person);
            END IF;
        END IF;
        IF customer IS NOT NULL THEN
            -- A statement of its own: what it sees was committed before the customer was locked.
            SELECT l.id IS NOT NULL INTO linked
            FROM separation_phase p LEFT JOIN customer_restaurants l
                ON l.customer_id = customer AND l.restaurant_id = NEW.restaurant_id
            WHERE p.name = 'dual';
            IF FOUND THEN
                IF NEW.customer_id IS NULL AND {{unseen}} THEN
                    PERFORM separation_seen();
                END IF;
                {{count_booking}}
                NEW.user_id := person;
                NEW.customer_id := customer;
                IF NOT linked OR NEW.status = 'COMPLETED' THEN
                    PERFORM set_config('separation.' || TG_TABLE_NAME, 'on', true);
                END IF;
                RETURN NEW;
            END IF;
        END IF;
        IF NEW.customer_id IS NULL AND person IS NOT NULL THEN
            IF merged IS NOT NULL THEN
                INSERT INTO separation_pending (user_id) SELECT person FROM separation_phase WHERE name = 'dual';
            END IF;
            RETURN NEW;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        IF person IS NULL THEN
            {{refuse_nobody}}
        END IF;
        {{count_booking}}
        IF NEW.user_id IS NULL THEN
            NEW.user_id := NEW.customer_id;
        ELSE
            PERFORM separation_remember(TG_TABLE_NAME, NEW.id, NEW.customer_id, NEW.user_id);
            NEW.customer_id := coalesce(separation_customer_for(NEW.customer_id), NEW.customer_id);
        END IF;
        PERFORM set_config('separation.' || TG_TABLE_NAME, 'on', true);
    ELSIF EXISTS (SELECT FROM separation_phase WHERE name = 'legacy')
        AND EXISTS (SELECT FROM customers c WHERE c.id = NEW.customer_id)
    THEN
        -- A roll-back has not come to this customer yet.
        PERFORM separation_remember(TG_TABLE_NAME, NEW.id, NEW.customer_id, NEW.user_id);
    END IF;
    RETURN NEW;
END
$mirror$

-- name: on_customer_given
-- Before a booking's customer_id is written: remembers what the old application says, and says it where the old
-- application does not.
CREATE OR REPLACE FUNCTION separation_on_customer_given() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    named integer;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        -- Until a roll-back has come to this customer, it has to tell what was filled from what is said here.
        IF EXISTS (SELECT FROM separation_phase WHERE name = 'legacy')
            AND EXISTS (SELECT FROM customers c WHERE c.id IN (OLD.customer_id, NEW.customer_id))
        THEN
            IF NEW.customer_id IS NULL THEN
                DELETE FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME AND u.row_id = NEW.id;
            ELSE
                PERFORM separation_remember(TG_TABLE_NAME, NEW.id, NEW.customer_id, NEW.user_id);
            END IF;
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.customer_id IS NOT NULL THEN
        IF NEW.user_id IS NOT NULL THEN
            PERFORM separation_remember(TG_TABLE_NAME, NEW.id, NEW.customer_id, NEW.user_id);
            NEW.customer_id := coalesce(separation_customer_for(NEW.customer_id), NEW.customer_id);
        END IF;
        RETURN NEW;
    END IF;
    DELETE FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME AND u.row_id = NEW.id
    RETURNING u.customer_id INTO named;
    IF named <> OLD.customer_id AND EXISTS (SELECT FROM users u WHERE u.id = named)
        AND NOT EXISTS (SELECT FROM users u WHERE u.id = OLD.customer_id)
    THEN
        -- The key emptied it, since whom a merge had put there is deleted: it says again what it said before.
        NEW.customer_id := named;
        RETURN NEW;
    END IF;
    NEW.customer_id := separation_customer_for(NEW.user_id);
    RETURN NEW;
END
$mirror$

-- name: on_user_given
-- Before a booking passes to another user: it passes to that user's customer, unless the old application named one, be it
-- before that one was moved. It always has a user: its customer's, where none is given.
CREATE OR REPLACE FUNCTION separation_on_user_given() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        -- Where a roll-back has not come to this customer yet, it would not know what the migration filled any more.
        IF NEW.customer_id = OLD.customer_id AND EXISTS (SELECT FROM separation_phase WHERE name = 'legacy')
            AND EXISTS (SELECT FROM customers c WHERE c.id = OLD.customer_id)
            AND (OLD.customer_id = OLD.user_id OR EXISTS (SELECT FROM separation_merges m
                WHERE m.user_id = OLD.user_id AND m.customer_id = OLD.customer_id))
            AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME AND u.row_id = NEW.id)
        THEN
            NEW.customer_id := NULL;
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.user_id IS NULL THEN
        NEW.user_id := NEW.customer_id;
        IF NEW.user_id IS NULL THEN
            {{refuse_nobody}}
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.customer_id IS NULL
            OR OLD.customer_id = OLD.user_id AND EXISTS (SELECT FROM customers c WHERE c.id = OLD.customer_id)
            OR EXISTS (SELECT FROM separation_merges m
                WHERE m.user_id = OLD.user_id AND m.customer_id = OLD.customer_id))
        AND NOT EXISTS (SELECT FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME AND u.row_id = NEW.id)
    THEN
        NEW.customer_id := separation_customer_for(NEW.user_id);
    END IF;
    RETURN NEW;
END
$mirror$

-- name: booked
-- Brings visits, spend and links of these people into step with their bookings. Those who are not moved yet, and those
-- whose booking found no customer, are queued: a chunk that is open just now may not see the booking.
CREATE OR REPLACE FUNCTION separation_booked(people integer[], unfilled integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
DECLARE
    late integer[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        late := ARRAY(SELECT u.id FROM users u WHERE u.is_customer AND u.id = ANY (people));
    ELSE
        late := ARRAY(
            SELECT u.id FROM users u WHERE u.is_customer AND u.id = ANY (unfilled)
            UNION
            SELECT u.id FROM users u WHERE u.is_customer AND u.id = ANY (people)
                AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id));
        PERFORM c.id FROM customers c WHERE c.id = ANY (people) ORDER BY c.id FOR NO KEY UPDATE;
        PERFORM separation_links(people);
    END IF;
    IF late <> '{}' THEN
        PERFORM separation_queue(late);
    END IF;
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(people);
END
$mirror$

-- name: mismatches
-- Records those of these orders that are at another restaurant than their reservation.
CREATE OR REPLACE FUNCTION separation_mismatches(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
BEGIN
    INSERT INTO separation_findings (kind, table_name, row_id)
    SELECT 'restaurant_mismatch', 'orders', o.id FROM orders o JOIN reservations r ON r.id = o.reservation_id
    WHERE o.id = ANY (ids) AND r.restaurant_id <> o.restaurant_id
    ON CONFLICT (kind, table_name, row_id)
        DO UPDATE SET state = 'open', updated_at = now() WHERE separation_findings.state = 'gone';
EXCEPTION WHEN OTHERS THEN
    RETURN;  -- the end of the next execute finds them
END
$mirror$

-- name: on_reservations
-- Follows reservations: those they are of, and those whose orders are tied to them.
CREATE OR REPLACE FUNCTION separation_on_reservations() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    people integer[]; unfilled integer[] := '{}'; changed integer[]; tied integer[]; counted bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        people := ARRAY(SELECT n.user_id FROM new_rows n UNION SELECT n.customer_id FROM new_rows n);
        unfilled := ARRAY(SELECT DISTINCT n.user_id FROM new_rows n WHERE n.customer_id IS NULL);
    ELSIF TG_OP = 'DELETE' THEN
        people := ARRAY(SELECT o.user_id FROM old_rows o UNION SELECT o.customer_id FROM old_rows o);
        DELETE FROM separation_undo u
        WHERE u.table_name = 'reservations' AND u.row_id = ANY (ARRAY(SELECT o.id FROM old_rows o));
    ELSE
        changed := ARRAY(
            SELECT DISTINCT d.id FROM (
                SELECT r.id FROM (
                    SELECT id, user_id, customer_id, restaurant_id, status, reservation_date FROM old_rows
                    UNION ALL
                    SELECT id, user_id, customer_id, restaurant_id, status, reservation_date FROM new_rows
                ) r
                GROUP BY r.id, r.user_id, r.customer_id, r.restaurant_id, r.status, r.reservation_date
                HAVING count(*) = 1
            ) d);
        IF changed = '{}' THEN
            RETURN NULL;
        END IF;
        tied := ARRAY(SELECT o.id FROM orders o WHERE o.reservation_id = ANY (changed));
        people := ARRAY(
            SELECT o.user_id FROM old_rows o UNION SELECT o.customer_id FROM old_rows o
            UNION SELECT n.user_id FROM new_rows n UNION SELECT n.customer_id FROM new_rows n
            UNION SELECT o.customer_id FROM orders o WHERE o.id = ANY (tied));
        unfilled := ARRAY(SELECT DISTINCT n.user_id FROM new_rows n WHERE n.customer_id IS NULL);
        PERFORM separation_mismatches(tied);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        counted := nextval('separation_mirrored');
    END IF;
    PERFORM separation_booked(people, unfilled);
    RETURN NULL;
END
$mirror$

-- name: on_orders
-- Follows orders.
CREATE OR REPLACE FUNCTION separation_on_orders() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    people integer[]; unfilled integer[] := '{}'; changed integer[]; counted bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        people := ARRAY(SELECT n.user_id FROM new_rows n UNION SELECT n.customer_id FROM new_rows n);
        unfilled := ARRAY(SELECT DISTINCT n.user_id FROM new_rows n WHERE n.customer_id IS NULL);
        changed := ARRAY(SELECT n.id FROM new_rows n WHERE n.reservation_id IS NOT NULL);
    ELSIF TG_OP = 'DELETE' THEN
        people := ARRAY(SELECT o.user_id FROM old_rows o UNION SELECT o.customer_id FROM old_rows o);
        DELETE FROM separation_undo u
        WHERE u.table_name = 'orders' AND u.row_id = ANY (ARRAY(SELECT o.id FROM old_rows o));
    ELSE
        changed := ARRAY(
            SELECT DISTINCT d.id FROM (
                SELECT r.id FROM (
                    SELECT id, user_id, customer_id, restaurant_id, reservation_id, status, total_amount, created_at
                    FROM old_rows
                    UNION ALL
                    SELECT id, user_id, customer_id, restaurant_id, reservation_id, status, total_amount, created_at
                    FROM new_rows
                ) r
                GROUP BY r.id, r.user_id, r.customer_id, r.restaurant_id, r.reservation_id, r.status, r.total_amount,
                    r.created_at
                HAVING count(*) = 1
            ) d);
        IF changed = '{}' THEN
            RETURN NULL;
        END IF;
        people := ARRAY(
            SELECT o.user_id FROM old_rows o UNION SELECT o.customer_id FROM old_rows o
            UNION SELECT n.user_id FROM new_rows n UNION SELECT n.customer_id FROM new_rows n);
        unfilled := ARRAY(SELECT DISTINCT n.user_id FROM new_rows n WHERE n.customer_id IS NULL);
    END IF;
    IF changed <> '{}' THEN
        PERFORM separation_mismatches(changed);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        counted := nextval('separation_mirrored');
    END IF;
    PERFORM separation_booked(people, unfilled);
    RETURN NULL;
END
$mirror$

-- name: on_restaurants
-- Queues the customers whom no restaurant knows once only one is left, since they are its customers then. Whoever was
-- linked as the customer of the only one stays so when another comes, which therefore costs nothing.
CREATE OR REPLACE FUNCTION separation_on_restaurants() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual')
        AND (SELECT count(*) FROM (SELECT FROM restaurants LIMIT 2) r) = 1
    THEN
        INSERT INTO separation_pending (user_id)
        SELECT c.id FROM customers c
        WHERE c.id > 0 AND NOT EXISTS (SELECT FROM customer_restaurants l WHERE l.customer_id = c.id);
    END IF;
    RETURN NULL;
END
$mirror$

-- name: on_truncated
-- Records that a table was emptied by TRUNCATE, which says nothing of its rows, and leaves the mark in the queue in whose
-- place `separation.mirror.drain` queues everybody. What was remembered of the rows goes: their ids may begin anew.
CREATE OR REPLACE FUNCTION separation_on_truncated() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} SET lock_timeout = '50ms' AS $mirror$
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    INSERT INTO separation_pending (user_id) VALUES (-2147483648);
    BEGIN
        DELETE FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME;
        INSERT INTO separation_findings (kind, table_name, row_id) VALUES ('truncated', TG_TABLE_NAME, 0)
        ON CONFLICT (kind, table_name, row_id) DO UPDATE SET state = 'open', updated_at = now();
    EXCEPTION WHEN OTHERS THEN
        RETURN NULL;  -- the mark in the queue stays
    END;
    RETURN NULL;
END
$mirror$

-- name: mark
-- Marks a table for the end of the statement, whoever writes.
CREATE OR REPLACE FUNCTION separation_mark() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    PERFORM pg_catalog.set_config(TG_ARGV[0], 'on', true);
    RETURN NEW;
END
$mirror$

-- name: unless_ours
-- Whether somebody else than the migration itself writes.
current_setting('separation.bypass', true) IS DISTINCT FROM 'on'

-- name: changed_users
-- Whether a customer must be followed.
(OLD.is_customer OR NEW.is_customer)
AND (OLD.id, OLD.email, OLD.name, OLD.phone, OLD.password, OLD.role, OLD.is_customer, OLD.created_at, OLD.updated_at)
    IS DISTINCT FROM
    (NEW.id, NEW.email, NEW.name, NEW.phone, NEW.password, NEW.role, NEW.is_customer, NEW.created_at, NEW.updated_at)

-- name: changed_restaurant_staff
-- Whether a link of staff must be followed.
(OLD.id, OLD.user_id, OLD.restaurant_id, OLD.role) IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.restaurant_id, NEW.role)

-- name: changed_recipes
-- Whether a recipe must be followed.
OLD.user_id IS DISTINCT FROM NEW.user_id

-- name: changed_menus
-- Whether a menu must be followed.
OLD.user_id IS DISTINCT FROM NEW.user_id

-- name: changed_customer_profiles
-- Whether a profile must be followed: what is handed on by a merge matters, too.
(OLD.id, OLD.user_id, OLD.email_verified, OLD.preferred_contact_method, OLD.dietary_restrictions, OLD.special_requests,
    OLD.vip_status, OLD.tags, OLD.notes, OLD.birthday, OLD.anniversary, OLD.preferences)
    IS DISTINCT FROM
    (NEW.id, NEW.user_id, NEW.email_verified, NEW.preferred_contact_method, NEW.dietary_restrictions,
        NEW.special_requests, NEW.vip_status, NEW.tags, NEW.notes, NEW.birthday, NEW.anniversary, NEW.preferences)

-- name: changed_reservations
-- Whether a reservation must be followed: its status and day matter as long as it is a visit.
(OLD.id, OLD.user_id, OLD.customer_id, OLD.restaurant_id)
    IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.customer_id, NEW.restaurant_id)
OR 'COMPLETED' IN (OLD.status, NEW.status)
    AND (OLD.status, OLD.reservation_date) IS DISTINCT FROM (NEW.status, NEW.reservation_date)

-- name: changed_orders
-- Whether an order must be followed: its status, time and sum matter as long as it is completed.
(OLD.id, OLD.user_id, OLD.customer_id, OLD.restaurant_id, OLD.reservation_id)
    IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.customer_id, NEW.restaurant_id, NEW.reservation_id)
OR 'COMPLETED' IN (OLD.status, NEW.status)
    AND (OLD.status, OLD.total_amount, OLD.created_at) IS DISTINCT FROM (NEW.status, NEW.total_amount, NEW.created_at)

-- name: statement_triggers
-- Fires a function after every statement on a table that needs it, with the rows it wrote.
CREATE OR REPLACE TRIGGER separation_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER zz_separation_mark BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN ({{unless_ours}} AND ({changed})) EXECUTE FUNCTION separation_mark('separation.{table}');
CREATE OR REPLACE TRIGGER separation_update AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN ({{unless_ours}} AND current_setting('separation.{table}', true) = 'on') EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER separation_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER separation_truncate AFTER TRUNCATE ON {table} FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_on_truncated()

-- name: user_triggers
-- Marks a statement on users that may change who moves.
CREATE OR REPLACE TRIGGER zz_separation_judge BEFORE UPDATE ON users FOR EACH ROW
    WHEN ({{unless_ours}} AND (OLD.id, OLD.email, OLD.role, OLD.is_customer)
        IS DISTINCT FROM (NEW.id, NEW.email, NEW.role, NEW.is_customer))
    EXECUTE FUNCTION separation_mark('separation.users_judged')

-- name: booking_triggers
-- Fires before a booking is inserted, or given a customer or a user; and after an insert only if that marked it, which no
-- insert of the migration's own does.
CREATE OR REPLACE TRIGGER zz_separation_booked BEFORE INSERT ON {table} FOR EACH ROW
    EXECUTE FUNCTION separation_on_booked();
CREATE OR REPLACE TRIGGER separation_given BEFORE UPDATE OF customer_id ON {table} FOR EACH ROW
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_on_customer_given();
CREATE OR REPLACE TRIGGER separation_passed BEFORE UPDATE OF user_id ON {table} FOR EACH ROW
    WHEN ({{unless_ours}} AND OLD.user_id IS DISTINCT FROM NEW.user_id) EXECUTE FUNCTION separation_on_user_given();
CREATE OR REPLACE TRIGGER separation_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('separation.{table}', true) = 'on') EXECUTE FUNCTION {function}()

-- name: dish_triggers
-- Fires after new menus or recipes, and after some have lost their restaurant.
CREATE OR REPLACE TRIGGER separation_dishes AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_on_dishes();
CREATE OR REPLACE TRIGGER zz_separation_homeless BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN ({{unless_ours}} AND OLD.restaurant_id IS NOT NULL AND NEW.restaurant_id IS NULL)
    EXECUTE FUNCTION separation_mark('separation.{table}_homeless');
CREATE OR REPLACE TRIGGER separation_homeless AFTER UPDATE ON {table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT WHEN ({{unless_ours}} AND current_setting('separation.{table}_homeless', true) = 'on')
    EXECUTE FUNCTION separation_on_dishes()

-- name: triggers_restaurants
-- Fires after restaurants have come or gone.
CREATE OR REPLACE TRIGGER separation_restaurants AFTER INSERT OR DELETE ON restaurants FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_on_restaurants();
CREATE OR REPLACE TRIGGER separation_truncate AFTER TRUNCATE ON restaurants FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_on_truncated()
