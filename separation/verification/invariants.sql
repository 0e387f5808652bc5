-- What must hold of a separated database, thought out from the design alone: nothing here is shared with the migrator.
--
-- Each relation has a row for everything it looks at: `id`, and a column for each invariant it decides, named like it;
-- true where it holds, false where it is broken, null where it does not apply. Optional columns: `detail`, a sentence
-- about the row; `tally`, a figure to be summed up. Rows are compared by joins on ids, each table is read once.

-- name: executed
-- True from the first chunk of an execute until it is rolled back: only then must everybody be accounted for.
((SELECT p.name FROM separation_phase p) <> 'legacy' AND EXISTS (SELECT FROM separation_chunks))

-- name: finished
-- True if an execute got to its end: what concerns rows that belong to no customer is recorded there.
({{executed}} AND NOT EXISTS (SELECT FROM separation_chunks k WHERE k.state IN ('pending', 'moved')))

-- name: blanks
-- What counts as a blank around an email.
E' \t\n\r\f\u000B'

-- name: spaces
-- Every character that some server's regular expressions take for white space.
E' \t\n\r\f\u000B\u001C\u001D\u001E\u001F\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000'

-- name: staff
-- The users who run restaurants or the platform's kitchen, whatever they are flagged as.
SELECT user_id FROM restaurant_staff WHERE role IN ('MANAGER', 'OWNER')
UNION SELECT user_id FROM recipes
UNION SELECT user_id FROM menus

-- name: ours
-- The customers: what stands below 1 are rows of an earlier attempt, which are nobody yet.
SELECT * FROM customers WHERE id > 0

-- name: heirs
-- Users who are customers and were merged into one who is in customers.
SELECT m.user_id, m.customer_id FROM separation_merges m
    JOIN users u ON u.id = m.user_id AND u.is_customer JOIN customers c ON c.id = m.customer_id

-- name: homes
-- Where the bookings of a user belong: to the customer with the same id, or the one the user was merged into.
SELECT id AS user_id, id AS customer_id FROM ({{ours}}) c
UNION ALL
SELECT h.user_id, h.customer_id FROM ({{heirs}}) h
WHERE NOT EXISTS (SELECT FROM customers c WHERE c.id = h.user_id)

-- name: people
-- Each person of users or customers, with both rows side by side.
SELECT p.id,
    CASE WHEN p.is_customer AND {{executed}} AND NOT p.waiting
            AND ({{finished}} OR p.id <= (SELECT max(k.last_id) FROM separation_chunks k))
        THEN p.moved OR p.merged OR p.explained END AS customers_accounted,
    CASE WHEN p.moved THEN NOT p.held AND NOT p.merged END AS held_back_stay,
    CASE WHEN p.moved THEN p.known END AS customers_have_users,
    CASE WHEN p.moved AND p.known AND NOT p.held
        THEN p.is_customer AND (p.cleared OR (p.role = 'USER' AND NOT p.works)) END AS no_staff,
    CASE WHEN p.moved AND p.known
        THEN p.email IS NOT DISTINCT FROM ltrim(rtrim(p.legacy_email, {{blanks}}), {{blanks}}) END AS emails_equal,
    CASE WHEN p.moved
        THEN length(p.email) - length(replace(p.email, '@', '')) = 1 AND strpos(p.email, '@') > 1
            AND right(p.email, 1) <> '@' AND translate(p.email, {{blanks}}, '') = p.email END AS emails_are_addresses,
    CASE WHEN p.moved AND p.known
        THEN CASE WHEN p.bcrypt THEN p.password = p.legacy_hash ELSE left(p.password, 1) = '!' END END
        AS passwords_equal,
    CASE WHEN p.moved AND p.known AND p.bcrypt THEN p.is_active = (p.legacy_password = p.legacy_hash) END
        AS deactivations_equal,
    CASE WHEN p.moved AND p.known AND NOT p.bcrypt
        THEN p.reset OR p.legacy_email = concat('anonymised-', p.id, '@anonymised.invalid') END AS password_resets_found,
    CASE WHEN p.moved AND p.known
        THEN CASE WHEN p.name = p.first_name || ' ' || p.last_name THEN true
            ELSE array_remove(string_to_array(
                    translate(p.first_name || ' ' || p.last_name, {{spaces}}, repeat(' ', 40)), ' '), '')
                = array_remove(string_to_array(
                    translate(coalesce(p.name, ''), {{spaces}}, repeat(' ', 40)), ' '), '') END END AS names_equal,
    CASE WHEN p.moved AND p.known THEN p.phone IS NOT DISTINCT FROM p.legacy_phone END AS phones_equal,
    CASE WHEN p.moved AND p.known
        THEN p.created_at = p.legacy_created_at AND p.updated_at = p.legacy_updated_at END AS timestamps_equal
FROM (
    SELECT coalesce(u.id, c.id) AS id, u.id IS NOT NULL AS known, c.id IS NOT NULL AS moved,
        m.user_id IS NOT NULL AS merged, w.id IS NOT NULL AS waiting, s.user_id IS NOT NULL AS works,
        coalesce(f.explained, false) AS explained, coalesce(f.held, false) AS held,
        coalesce(f.cleared, false) AS cleared, coalesce(f.reset, false) AS reset,
        u.is_customer, u.role, u.name, c.first_name, c.last_name,
        u.email AS legacy_email, c.email, u.phone AS legacy_phone, c.phone,
        u.created_at AS legacy_created_at, c.created_at, u.updated_at AS legacy_updated_at, c.updated_at,
        u.password AS legacy_password, u.hash AS legacy_hash, c.password, c.is_active,
        length(u.hash) = 60 AND left(u.hash, 4) IN ('$2a$', '$2b$', '$2y$') AND substr(u.hash, 7, 1) = '$'
            AND substr(u.hash, 5, 2) !~ '[^0-9]' AND substr(u.hash, 8) !~ '[^./0-9A-Za-z]' AS bcrypt
    FROM (
        SELECT x.*, CASE WHEN left(x.password, 1) = '!' THEN substr(x.password, 2) ELSE x.password END AS hash
        FROM users x
    ) u
        FULL JOIN ({{ours}}) c ON c.id = u.id
        LEFT JOIN separation_merges m ON m.user_id = u.id
        LEFT JOIN (
            SELECT x.id FROM separation_chunks k JOIN users x ON x.id BETWEEN k.first_id AND k.last_id
            WHERE k.state = 'pending'
        ) w ON w.id = u.id
        LEFT JOIN ({{staff}}) s ON s.user_id = u.id
        LEFT JOIN (
            SELECT row_id,
                bool_or(state <> 'gone' AND kind <> 'needs_password_reset') AS explained,
                bool_or(state = 'open' AND kind <> 'needs_password_reset') AS held,
                bool_or(kind = 'staff_marked_as_customer' AND decision IN ('customer', 'both')) AS cleared,
                bool_or(state <> 'gone' AND kind = 'needs_password_reset') AS reset
            FROM separation_findings
            WHERE table_name = 'users' AND kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email',
                'row_failed', 'needs_password_reset')
            GROUP BY row_id
        ) f ON f.row_id = coalesce(u.id, c.id)
) p

-- name: emails
-- Each email in lower case, with the customers who have it.
SELECT min(id) AS id, count(*) = 1 AS emails_unique, concat('customers ', min(id), ' and ', max(id)) AS detail
FROM ({{ours}}) c GROUP BY lower(email)

-- name: held_back
-- Each customer of users whom a finding keeps back, open or settled, with the reason looked up again.
SELECT u.id,
    CASE f.kind
        WHEN 'staff_marked_as_customer' THEN (u.role <> 'USER' OR s.user_id IS NOT NULL)
            AND f.decision NOT IN ('customer', 'both')
        WHEN 'duplicate_email' THEN m.user_id IS NOT NULL OR EXISTS (
            SELECT FROM users twin WHERE twin.is_customer AND twin.id <> u.id
                AND lower(ltrim(rtrim(twin.email, {{blanks}}), {{blanks}}))
                    = lower(ltrim(rtrim(u.email, {{blanks}}), {{blanks}})))
        WHEN 'invalid_email' THEN ltrim(rtrim(u.email, {{blanks}}), {{blanks}})
            !~* '^[a-z0-9]+([._+-][a-z0-9]+)*@[a-z0-9]+([.-][a-z0-9]+)*[.][a-z]{2,}$'
    END AS held_back_rightly,
    concat('user ', u.id, ' (', f.kind, ')') AS detail
FROM separation_findings f
    JOIN users u ON u.id = f.row_id AND u.is_customer
    LEFT JOIN ({{staff}}) s ON s.user_id = u.id
    LEFT JOIN separation_merges m ON m.user_id = u.id
WHERE f.table_name = 'users' AND (f.state = 'open' OR f.state = 'settled' AND f.decision IN ('staff', 'left', 'merge'))
    AND f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email')
    AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)

-- name: decided
-- Each decision that says who of several moves, or that somebody does: that one is moved, or kept back by something else.
SELECT f.row_id AS id, CASE WHEN {{finished}} AND u.is_customer AND (f.kind <> 'duplicate_email'
            OR f.detail ->> 'email' = md5(lower(ltrim(rtrim(u.email, {{blanks}}), {{blanks}}))))
        THEN c.id IS NOT NULL OR EXISTS (
            SELECT FROM separation_findings o WHERE o.table_name = 'users' AND o.row_id = f.row_id AND o.state = 'open'
                AND o.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed')) END
        AS decisions_followed,
    concat('user ', f.row_id, ' (', f.kind, ': ', f.decision, ')') AS detail
FROM separation_findings f
    JOIN users u ON u.id = f.row_id
    LEFT JOIN customers c ON c.id = f.row_id
WHERE f.table_name = 'users' AND f.decision IN ('customer', 'both', 'keep')
    AND NOT EXISTS (SELECT FROM separation_merges m WHERE m.user_id = f.row_id)

-- name: merges
-- Each merged user, with the customer the user was merged into: a customer, or somebody of whom it is on record why not.
SELECT m.user_id AS id,
    CASE WHEN {{finished}} AND u.is_customer THEN c.id IS NOT NULL
        OR NOT coalesce(w.is_customer, false) AND EXISTS (
            SELECT FROM separation_findings f WHERE f.kind = 'duplicate_email' AND f.table_name = 'users'
                AND f.row_id = m.user_id AND f.state = 'open')
        OR w.is_customer AND EXISTS (
            SELECT FROM separation_findings f WHERE f.table_name = 'users' AND f.row_id = w.id AND f.state <> 'gone'
                AND f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed'))
    END AS merges_lead_to_customers,
    CASE WHEN c.id IS NOT NULL AND u.is_customer AND given.id IS NOT NULL AND p.id IS NOT NULL
        THEN NOT (coalesce(p.preferred_contact_method, '') = '' AND coalesce(given.preferred_contact_method, '') <> ''
            OR coalesce(p.dietary_restrictions, '') = '' AND coalesce(given.dietary_restrictions, '') <> ''
            OR coalesce(p.special_requests, '') = '' AND coalesce(given.special_requests, '') <> ''
            OR coalesce(p.notes, '') = '' AND coalesce(given.notes, '') <> ''
            OR given.vip_status AND NOT p.vip_status
            OR coalesce(cardinality(p.tags), 0) = 0 AND cardinality(given.tags) > 0
            OR p.birthday IS NULL AND given.birthday IS NOT NULL
            OR p.anniversary IS NULL AND given.anniversary IS NOT NULL) END AS merged_profiles_filled
FROM separation_merges m
    LEFT JOIN users u ON u.id = m.user_id
    LEFT JOIN users w ON w.id = m.customer_id
    LEFT JOIN customers c ON c.id = m.customer_id
    LEFT JOIN customer_profiles p ON p.customer_id = m.customer_id
    LEFT JOIN customer_profiles given ON given.user_id = m.user_id

-- name: profiles
-- Each customer, with the profiles that say they are theirs.
SELECT c.id, count(p.id) = 1 AS one_profile_each,
    CASE WHEN count(p.id) = 1 THEN coalesce(bool_and(p.user_id = c.id), true)
        AND coalesce(min(legacy.id) = min(p.id), true) END AS profiles_belong,
    bool_and(legacy.email_verified = c.email_verified) AS verified_equal,
    CASE WHEN EXISTS (SELECT FROM pg_constraint k
            WHERE k.conrelid = 'customer_profiles'::regclass AND k.confrelid = 'users'::regclass)
        THEN coalesce(bool_and(p.user_id IS NOT NULL
            OR c.id IN (SELECT m.customer_id FROM separation_merges m WHERE m.filled <> '{}') OR (p.phone_verified, p.vip_status, p.marketing_opt_in)
            = (false, false, false) AND cardinality(coalesce(p.tags, '{}')) = 0 AND p.preferences::text = '{}'
            AND num_nonnulls(p.preferred_contact_method, p.dietary_restrictions, p.special_requests, p.notes,
                p.birthday, p.anniversary) = 0), true) END AS profiles_shown
FROM ({{ours}}) c
    LEFT JOIN customer_profiles p ON p.customer_id = c.id
    LEFT JOIN customer_profiles legacy ON legacy.user_id = c.id
GROUP BY c.id

-- name: profile_owners
-- Each profile that names a customer.
SELECT p.id, c.id IS NOT NULL AS profiles_lead_somewhere
FROM customer_profiles p LEFT JOIN customers c ON c.id = p.customer_id WHERE p.customer_id IS NOT NULL

-- name: session_owners
-- Each log-in of a customer.
SELECT s.id, c.id IS NOT NULL AS sessions_lead_somewhere
FROM customer_sessions s LEFT JOIN customers c ON c.id = s.customer_id

-- name: link_owners
-- Each link of a customer to a restaurant.
SELECT l.id, c.id IS NOT NULL AND r.id IS NOT NULL AS links_lead_somewhere
FROM customer_restaurants l
    LEFT JOIN customers c ON c.id = l.customer_id LEFT JOIN restaurants r ON r.id = l.restaurant_id

-- name: reservation_owners
-- Each reservation with `rightful`: who stood there before the migration, else the customer its user has become.
SELECT t.id, t.user_id, t.customer_id, t.restaurant_id, t.status, t.reservation_date,
    CASE WHEN before.row_id IS NOT NULL THEN coalesce(merged.customer_id, before.customer_id) ELSE h.customer_id END
        AS rightful
FROM reservations t
    LEFT JOIN ({{homes}}) h ON h.user_id = t.user_id
    LEFT JOIN separation_undo before ON before.table_name = 'reservations' AND before.row_id = t.id
    LEFT JOIN ({{heirs}}) merged ON merged.user_id = before.customer_id

-- name: order_owners
-- Each order with `rightful`: who stood there before the migration, else the customer its user has become.
SELECT t.id, t.user_id, t.customer_id, t.restaurant_id, t.reservation_id, t.status, t.created_at, t.total_amount,
    CASE WHEN before.row_id IS NOT NULL THEN coalesce(merged.customer_id, before.customer_id) ELSE h.customer_id END
        AS rightful
FROM orders t
    LEFT JOIN ({{homes}}) h ON h.user_id = t.user_id
    LEFT JOIN separation_undo before ON before.table_name = 'orders' AND before.row_id = t.id
    LEFT JOIN ({{heirs}}) merged ON merged.user_id = before.customer_id

-- name: legacy_keys
-- The tables whose customer_id came with the legacy database, as a key to users that stays until clean-up.
SELECT k.conrelid FROM pg_constraint k
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] AND a.attname = 'customer_id'
WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass

-- name: reservations
-- Each reservation: who it belongs to, and whom it names.
SELECT o.id,
    o.user_id IS NOT NULL AS reservations_keep_user,
    CASE WHEN o.customer_id IS NOT NULL THEN NOT o.dangling END AS reservations_lead_somewhere,
    CASE WHEN o.customer_id IS NOT NULL AND NOT o.dangling AND o.rightful IS NOT NULL
        THEN o.customer_id = o.rightful END AS reservations_linked,
    CASE WHEN o.rightful IS NULL AND o.user_id IS NOT NULL THEN NOT o.ours END AS reservations_of_others,
    CASE WHEN o.rightful IS NULL AND o.user_id IS NOT NULL AND {{finished}}
            AND NOT EXISTS (SELECT FROM users u WHERE u.id = o.user_id)
        THEN EXISTS (SELECT FROM separation_findings f WHERE f.kind = 'orphan' AND f.table_name = 'reservations'
            AND f.row_id = o.id AND f.state <> 'gone') END AS reservation_orphans_found
FROM (
    SELECT x.*, c.id IS NOT NULL AS ours,
        CASE WHEN x.customer_id IS NULL OR c.id IS NOT NULL THEN false
            ELSE NOT ('reservations'::regclass IN ({{legacy_keys}})
                AND EXISTS (SELECT FROM users u WHERE u.id = x.customer_id)) END AS dangling
    FROM ({{reservation_owners}}) x LEFT JOIN customers c ON c.id = x.customer_id
) o

-- name: orders
-- Each order: who it belongs to, and whom it names.
SELECT o.id,
    o.user_id IS NOT NULL AS orders_keep_user,
    CASE WHEN o.customer_id IS NOT NULL THEN NOT o.dangling END AS orders_lead_somewhere,
    CASE WHEN o.customer_id IS NOT NULL AND NOT o.dangling AND o.rightful IS NOT NULL
        THEN o.customer_id = o.rightful END AS orders_linked,
    CASE WHEN o.rightful IS NULL AND o.user_id IS NOT NULL THEN NOT o.ours END AS orders_of_others,
    CASE WHEN o.rightful IS NULL AND o.user_id IS NOT NULL AND {{finished}}
            AND NOT EXISTS (SELECT FROM users u WHERE u.id = o.user_id)
        THEN EXISTS (SELECT FROM separation_findings f WHERE f.kind = 'orphan' AND f.table_name = 'orders'
            AND f.row_id = o.id AND f.state <> 'gone') END AS order_orphans_found,
    CASE WHEN o.elsewhere AND {{finished}}
        THEN EXISTS (SELECT FROM separation_findings f WHERE f.kind = 'restaurant_mismatch'
            AND f.table_name = 'orders' AND f.row_id = o.id AND f.state <> 'gone') END AS mismatches_found
FROM (
    SELECT x.*, c.id IS NOT NULL AS ours, v.restaurant_id <> x.restaurant_id AS elsewhere,
        CASE WHEN x.customer_id IS NULL OR c.id IS NOT NULL THEN false
            ELSE NOT ('orders'::regclass IN ({{legacy_keys}})
                AND EXISTS (SELECT FROM users u WHERE u.id = x.customer_id)) END AS dangling
    FROM ({{order_owners}}) x
        LEFT JOIN customers c ON c.id = x.customer_id LEFT JOIN reservations v ON v.id = x.reservation_id
) o

-- name: restaurant_reservations
-- Each restaurant, with its reservations by the legacy link and by the new one.
SELECT restaurant_id AS id, count(rightful) = count(customer_id) AS reservations_counted, count(rightful) AS tally,
    concat('restaurant ', restaurant_id, ': ', count(rightful), ' reservations of customers by user_id, ',
        count(customer_id), ' by customer_id; first without: reservation ',
        min(id) FILTER (WHERE customer_id IS NULL)) AS detail
FROM ({{reservation_owners}}) o WHERE rightful IS NOT NULL GROUP BY restaurant_id

-- name: restaurant_orders
-- Each restaurant, with its orders and their money by the legacy link and by the new one.
SELECT restaurant_id AS id,
    count(rightful) = count(customer_id)
        AND coalesce(sum(total_amount), 0) = coalesce(sum(total_amount) FILTER (WHERE customer_id IS NOT NULL), 0)
        AS orders_counted,
    coalesce(sum(total_amount), 0) AS tally,
    concat('restaurant ', restaurant_id, ': ', count(rightful), ' orders of customers worth ',
        coalesce(sum(total_amount), 0), ' by user_id, ', count(customer_id), ' worth ',
        coalesce(sum(total_amount) FILTER (WHERE customer_id IS NOT NULL), 0), ' by customer_id; first without: order ',
        min(id) FILTER (WHERE customer_id IS NULL)) AS detail
FROM ({{order_owners}}) o WHERE rightful IS NOT NULL GROUP BY restaurant_id

-- name: links
-- Each customer at each restaurant that knows them or ought to: what the legacy rows say beside what the link says.
WITH reserved AS (
    SELECT coalesce(rightful, customer_id) AS customer_id, restaurant_id,
        count(*) FILTER (WHERE status = 'COMPLETED') AS visits,
        min(reservation_date) FILTER (WHERE status = 'COMPLETED') AS first_visit,
        max(reservation_date) FILTER (WHERE status = 'COMPLETED') AS last_visit
    FROM ({{reservation_owners}}) o WHERE rightful IS NOT NULL OR user_id IS NULL GROUP BY 1, 2
),
ordered AS (
    SELECT coalesce(o.rightful, o.customer_id) AS customer_id, o.restaurant_id,
        count(*) FILTER (WHERE o.status = 'COMPLETED' AND seated.id IS NULL) AS visits,
        min(o.created_at) FILTER (WHERE o.status = 'COMPLETED' AND seated.id IS NULL) AS first_visit,
        max(o.created_at) FILTER (WHERE o.status = 'COMPLETED' AND seated.id IS NULL) AS last_visit,
        sum(o.total_amount) FILTER (WHERE o.status = 'COMPLETED') AS spent
    FROM ({{order_owners}}) o
        LEFT JOIN reservations seated ON seated.id = o.reservation_id AND seated.status = 'COMPLETED'
    WHERE o.rightful IS NOT NULL OR o.user_id IS NULL GROUP BY 1, 2
),
employed AS (
    SELECT DISTINCT h.customer_id, s.restaurant_id
    FROM restaurant_staff s JOIN ({{homes}}) h ON h.user_id = s.user_id WHERE s.role = 'STAFF'
),
earned AS (
    SELECT customer_id, restaurant_id, coalesce(r.visits, 0) + coalesce(o.visits, 0) AS visits,
        least(r.first_visit, o.first_visit) AS first_visit, greatest(r.last_visit, o.last_visit) AS last_visit,
        coalesce(o.spent, 0) AS spent
    FROM reserved r
        FULL JOIN ordered o USING (customer_id, restaurant_id)
        FULL JOIN employed e USING (customer_id, restaurant_id)
),
expected AS (
    SELECT e.* FROM earned e JOIN customers c ON c.id = e.customer_id
    UNION ALL
    SELECT c.id, lone.id, 0, NULL, NULL, 0
    FROM (SELECT min(id) AS id FROM restaurants HAVING count(*) = 1) lone CROSS JOIN ({{ours}}) c
    WHERE NOT EXISTS (SELECT FROM earned e WHERE e.customer_id = c.id)
),
present AS (
    SELECT l.* FROM customer_restaurants l
        JOIN ({{ours}}) c ON c.id = l.customer_id JOIN restaurants r ON r.id = l.restaurant_id
)
SELECT coalesce(e.customer_id, l.customer_id) AS id,
    CASE WHEN e.customer_id IS NOT NULL THEN l.id IS NOT NULL END AS links_complete,
    CASE WHEN l.id IS NOT NULL
        THEN CASE WHEN e.customer_id IS NOT NULL THEN true
            WHEN l.visit_count <> 0 OR l.total_spent <> 0 THEN false
            WHEN l.vip_status OR length(l.notes) > 0 THEN true
            ELSE NOT EXISTS (SELECT FROM customer_restaurants other
                WHERE other.customer_id = l.customer_id AND other.id <> l.id) END END AS links_earned,
    CASE WHEN e.customer_id IS NOT NULL AND l.id IS NOT NULL THEN l.visit_count = e.visits END AS visits_counted,
    CASE WHEN e.customer_id IS NOT NULL AND l.id IS NOT NULL
        THEN l.first_visit IS NOT DISTINCT FROM e.first_visit AND l.last_visit IS NOT DISTINCT FROM e.last_visit END
        AS visits_dated,
    CASE WHEN e.customer_id IS NOT NULL AND l.id IS NOT NULL THEN l.total_spent = e.spent END AS spend_counted,
    concat('customer ', coalesce(e.customer_id, l.customer_id), ' at restaurant ',
        coalesce(e.restaurant_id, l.restaurant_id)) AS detail
FROM expected e FULL JOIN present l ON l.customer_id = e.customer_id AND l.restaurant_id = e.restaurant_id

-- name: findings
-- Each thing that was found, with the number of times it is on record.
SELECT row_id AS id, count(*) = 1 AS findings_once, concat(kind, ' (', table_name, ' ', row_id, ')') AS detail
FROM separation_findings GROUP BY kind, table_name, row_id

-- name: homeless_dishes
-- Each menu and recipe of which nobody can tell the restaurant.
SELECT d.id, concat(d.table_name, ' ', d.id) AS detail,
    CASE WHEN {{finished}} THEN EXISTS (SELECT FROM separation_findings f WHERE f.kind = 'no_restaurant'
        AND f.table_name = d.table_name AND f.row_id = d.id AND f.state <> 'gone') END AS homeless_dishes_found
FROM (
    SELECT 'menus' AS table_name, m.id FROM menus m WHERE m.restaurant_id IS NULL
    UNION ALL
    SELECT 'recipes', r.id FROM recipes r WHERE r.restaurant_id IS NULL
) d

-- name: chunks
-- Each chunk of the ledger, beside the one before it.
SELECT k.id, k.state = 'linked' AS chunks_done,
    CASE WHEN lag(k.last_id) OVER in_order IS NOT NULL THEN k.first_id = lag(k.last_id) OVER in_order + 1::bigint END
        AS chunks_meet,
    concat('chunk ', k.id, ' of users ', k.first_id, ' to ', k.last_id, ' (', k.state, ')') AS detail
FROM separation_chunks k WINDOW in_order AS (ORDER BY k.first_id)

-- name: ledger
-- Each customer, with the chunk whose range they lie in; whoever lies beyond its end came by the mirror alone.
SELECT c.id, CASE WHEN c.id <= (SELECT max(k.last_id) FROM separation_chunks k) THEN k.id IS NOT NULL END
    AS customers_in_ledger
FROM ({{ours}}) c LEFT JOIN (
    SELECT x.id FROM separation_chunks k JOIN customers x ON x.id BETWEEN k.first_id AND k.last_id
) k ON k.id = c.id

-- name: written
-- Each table that a chunk's transaction wrote to, as PostgreSQL counted.
SELECT k.id, w.name IN ('customers', 'customer_profiles', 'customer_restaurants', 'reservations', 'orders')
        OR starts_with(w.name, 'separation_') OR w.name = 'users' AND w.rows = k.counts ->> 'put_back'
        AS only_own_tables_written,
    concat('chunk ', k.id, ' wrote ', w.rows, ' rows of ', w.name) AS detail
FROM separation_chunks k CROSS JOIN LATERAL jsonb_each_text(k.written) AS w (name, rows)

-- name: parked
-- Each row of an earlier attempt: the customer it became, if any, and what users say under its email.
SELECT p.id, concat('row ', p.id, ' of customers') AS detail,
    CASE WHEN {{finished}} THEN c.id IS NOT NULL OR f.row_id IS NOT NULL OR h.email IS NOT NULL END AS parked_accounted,
    CASE WHEN {{finished}} AND length(p.password) = 60 AND left(p.password, 2) = '$2'
        THEN NOT coalesce(m.alone OR p.email = ANY (m.spellings), false) END AS hashes_put_back
FROM customers p
    LEFT JOIN separation_undo a ON a.table_name = 'customers' AND a.row_id = p.id
    LEFT JOIN customers c ON c.id = a.customer_id
    LEFT JOIN separation_findings f
        ON f.kind = 'no_user' AND f.table_name = 'customers' AND f.row_id = p.id AND f.state <> 'gone'
    LEFT JOIN (
        SELECT DISTINCT lower(ltrim(rtrim(u.email, {{blanks}}), {{blanks}})) AS email FROM users u
        WHERE u.is_customer AND NOT EXISTS (SELECT FROM customers k WHERE k.id = u.id)
    ) h ON h.email = lower(ltrim(rtrim(p.email, {{blanks}}), {{blanks}}))
    LEFT JOIN (
        SELECT email, bool_or(alone) AS alone, array_agg(spelling) AS spellings FROM (
            SELECT lower(ltrim(rtrim(u.email, {{blanks}}), {{blanks}})) AS email, u.email AS spelling,
                u.is_customer AND u.password = 'MIGRATED_TO_CUSTOMERS_TABLE' AND u.id NOT IN (
                    SELECT row_id FROM separation_findings
                    WHERE kind = 'row_failed' AND table_name = 'users' AND state <> 'gone') AS marked,
                count(*) OVER (PARTITION BY lower(ltrim(rtrim(u.email, {{blanks}}), {{blanks}}))) = 1 AS alone
            FROM users u
        ) u WHERE u.marked GROUP BY email
    ) m ON m.email = lower(ltrim(rtrim(p.email, {{blanks}}), {{blanks}}))
WHERE p.id < 0

-- name: phase
-- Each table that must hold nothing of the new schema in phase legacy.
SELECT t.id, CASE WHEN (SELECT name FROM separation_phase) = 'legacy' THEN t.empty END AS phase_fits, t.id AS detail
FROM (
    SELECT 'customers' AS id, NOT EXISTS ({{ours}}) AS empty
    UNION ALL SELECT 'customer_profiles', NOT EXISTS (
        SELECT FROM customer_profiles WHERE customer_id IS NOT NULL OR user_id IS NULL)
    UNION ALL SELECT 'customer_restaurants', NOT EXISTS (
        SELECT FROM customer_restaurants WHERE customer_id > 0)
    UNION ALL SELECT 'customer_sessions', NOT EXISTS (SELECT FROM customer_sessions)
    UNION ALL SELECT 'separation_undo', NOT EXISTS (SELECT FROM separation_undo)
    UNION ALL SELECT 'separation_merges', NOT EXISTS (SELECT FROM separation_merges WHERE filled <> '{}')
) t
