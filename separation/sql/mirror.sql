-- The mirror: what the old application writes, repeated in the new tables, in its own transaction.
--
-- Each block but the last three makes one function. All of them run with the rights of their owner, since the old
-- application's role has none on the new tables, and see fixed schemas only. Whatever goes wrong in here, a lock that
-- another session holds above all, must not reach the old application: the people concerned are queued in
-- separation_pending instead, and `separation.mirror.drain` brings them into step. In another isolation than READ
-- COMMITTED everything is queued, for there the mirror would look at a snapshot of the past.
--
-- Transition tables are read into arrays, and only arrays are joined with tables: a plan that was made for one row is
-- kept for ten thousand.

-- name: queue
-- Queues people; waits for nobody.
CREATE OR REPLACE FUNCTION separation_queue(ids integer[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
    INSERT INTO separation_pending (user_id) SELECT DISTINCT i.id FROM unnest(ids) i (id) WHERE i.id IS NOT NULL
$mirror$

-- name: links
-- Brings the links of these customers to restaurants into step with what they are made from. A link without a reason
-- goes, unless somebody wrote notes on it or marked it. The caller holds the customers' rows.
CREATE OR REPLACE FUNCTION separation_links(ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    WITH unearned AS (
        SELECT t.id, coalesce(t.notes, '') <> '' OR t.vip_status AS stays FROM customer_restaurants t
        WHERE t.customer_id = ANY (ids)
            AND NOT EXISTS (SELECT FROM reservations r
                WHERE r.customer_id = t.customer_id AND r.restaurant_id = t.restaurant_id)
            AND NOT EXISTS (SELECT FROM orders o
                WHERE o.customer_id = t.customer_id AND o.restaurant_id = t.restaurant_id)
            AND NOT EXISTS (SELECT FROM restaurant_staff s
                WHERE s.user_id = t.customer_id AND s.restaurant_id = t.restaurant_id)
            AND (SELECT count(*) FROM (SELECT FROM restaurants LIMIT 2) r) > 1
    ),
    emptied AS (
        UPDATE customer_restaurants t SET first_visit = NULL, last_visit = NULL, visit_count = 0, total_spent = 0
        FROM unearned u WHERE u.id = t.id AND u.stays AND (t.visit_count, t.total_spent) IS DISTINCT FROM (0, 0)
    )
    DELETE FROM customer_restaurants t USING unearned u WHERE u.id = t.id AND NOT u.stays;

    WITH people AS (SELECT c.id FROM customers c WHERE c.id = ANY (ids)),
    facts AS (
        SELECT v.* FROM people p CROSS JOIN LATERAL customer_visits(p.id, p.id) v
        UNION ALL
        SELECT s.user_id, s.restaurant_id, NULL, NULL, 0, 0 FROM restaurant_staff s WHERE s.user_id = ANY (ids)
    ),
    {{link_people}};
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: renew
-- Brings the columns of these customers into step with users; writes no row that is right.
CREATE OR REPLACE FUNCTION separation_renew(ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
    -- Two people who exchanged emails: whoever has another's by now lets go of it first.
    UPDATE customers c SET email = 'renewed-' || c.id || '@invalid'
    WHERE c.id = ANY (ids)
        AND NOT EXISTS (SELECT FROM users u
            WHERE u.id = c.id AND lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(c.email))
        AND EXISTS (SELECT FROM users u
            WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(c.email) AND u.is_customer AND u.id <> c.id);

    WITH classified AS ({{classified_users}} WHERE u.id = ANY (ids))
    UPDATE customers c SET email = n.email, password = n.password, first_name = n.first_name, last_name = n.last_name,
        phone = n.phone, created_at = n.created_at, updated_at = n.updated_at
    FROM ({{as_customers}}) n
    WHERE c.id = n.id
        AND (c.email, c.password, c.first_name, c.last_name, c.phone, c.created_at, c.updated_at) IS DISTINCT FROM
            (n.email, n.password, n.first_name, n.last_name, n.phone::text, n.created_at, n.updated_at);
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: take_out
-- Takes these customers out of the new tables again, as a roll-back would: what was filled is emptied, and no more.
CREATE OR REPLACE FUNCTION separation_take_out(ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    PERFORM set_config('separation.bypass', 'on', true);
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

-- name: find
-- Records what keeps people back, and who has no readable hash; what was found of these people before and is not so any
-- more is gone.
CREATE OR REPLACE FUNCTION separation_find(ids integer[], kept integer[], kinds text[], unreadable integer[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
    WITH current AS (
        SELECT k.id, k.kind FROM unnest(kept, kinds) k (id, kind)
        UNION ALL
        SELECT i.id, 'needs_password_reset' FROM unnest(unreadable) i (id)
    ),
    noted AS (
        INSERT INTO separation_findings (kind, table_name, row_id) SELECT kind, 'users', id FROM current
        ON CONFLICT (kind, table_name, row_id)
            DO UPDATE SET state = 'open', updated_at = now() WHERE separation_findings.state = 'gone'
    )
    UPDATE separation_findings f SET state = 'gone', updated_at = now()
    WHERE f.table_name = 'users' AND f.row_id = ANY (ids) AND f.state = 'open'
        AND f.kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email', 'row_failed',
            'needs_password_reset')
        AND NOT EXISTS (SELECT FROM current k WHERE k.id = f.row_id AND k.kind = f.kind)
$mirror$

-- name: sync
-- Brings everything of these people in the new tables into step with users, whatever was there before: who moves by now
-- is inserted, who is customer no more or cannot move is taken out, and why is a finding. Idempotent. Whoever shares an
-- email with a later duplicate stays, for nobody loses an account because another registered.
CREATE OR REPLACE FUNCTION separation_sync(ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
    stays integer[]; comes integer[]; moves integer[]; kept integer[]; kinds text[]; unreadable integer[];
    goes integer[]; inserted integer;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN;
    END IF;
    PERFORM set_config('separation.bypass', 'on', true);
    -- From here on nobody else brings these people into step; what is read from now on is what they wrote.
    PERFORM c.id FROM customers c WHERE c.id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE;
    SELECT array_agg(p.id) FILTER (WHERE p.moves AND p.moved), array_agg(p.id) FILTER (WHERE p.moves AND NOT p.moved),
        array_agg(p.id) FILTER (WHERE NOT p.moves), array_agg(p.outcome) FILTER (WHERE NOT p.moves),
        array_agg(p.id) FILTER (WHERE p.moves AND NOT p.bcrypt)
    INTO stays, comes, kept, kinds, unreadable
    FROM (
        SELECT k.id, k.outcome, k.bcrypt, c.id IS NOT NULL AS moved,
            k.outcome = 'move' OR k.outcome = 'duplicate_email' AND c.id IS NOT NULL
                AND lower(c.email) = lower(btrim(k.email, E' \t\n\r\f\x0b')) AS moves
        FROM ({{classified_users}} WHERE u.is_customer AND u.id = ANY (ids)) k LEFT JOIN customers c ON c.id = k.id
    ) p;
    moves := coalesce(stays, '{}') || coalesce(comes, '{}');
    goes := ARRAY(SELECT c.id FROM customers c WHERE c.id = ANY (ids) EXCEPT SELECT unnest(stays));

    IF goes <> '{}' THEN
        PERFORM separation_take_out(goes);
    END IF;
    UPDATE customer_profiles p SET customer_id = NULL
    WHERE p.customer_id = ANY (ids) AND p.user_id IS NOT NULL AND p.user_id <> p.customer_id;
    IF stays <> '{}' THEN
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
            PERFORM separation_renew(comes);
        END IF;
    END IF;
    IF moves <> '{}' THEN
        -- A profile that the old application wrote takes over from the empty one.
        DELETE FROM customer_profiles p USING customer_profiles legacy
        WHERE p.customer_id = ANY (moves) AND p.user_id IS NULL AND legacy.user_id = p.customer_id;
        UPDATE customer_profiles p SET customer_id = p.user_id
        WHERE p.user_id = ANY (moves) AND p.customer_id IS DISTINCT FROM p.user_id;
        {{insert_profiles}} AND c.id = ANY (moves);
        UPDATE reservations t SET customer_id = t.user_id WHERE t.user_id = ANY (moves) AND t.customer_id IS NULL;
        UPDATE orders t SET customer_id = t.user_id WHERE t.user_id = ANY (moves) AND t.customer_id IS NULL;
        PERFORM separation_links(moves);
    END IF;
    PERFORM separation_find(ids, coalesce(kept, '{}'), coalesce(kinds, '{}'), coalesce(unreadable, '{}'));
    PERFORM set_config('separation.bypass', bypass, true);
END
$mirror$

-- name: follow
-- Brings people into step if that can be done now, else queues them: raises nothing and waits briefly.
CREATE OR REPLACE FUNCTION separation_follow(ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '50ms' AS $mirror$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM separation_queue(ids);
        RETURN;
    END IF;
    PERFORM separation_sync(ids);
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ids);
END
$mirror$

-- name: on_users
-- Follows what happens to customers in users. Whoever was kept back as the duplicate of an email that is free again is
-- queued: to lock a person whom the old application did not write could make two of its transactions block each other.
CREATE OR REPLACE FUNCTION separation_on_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    ids integer[]; free text[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
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
        free := ARRAY(
            SELECT lower(btrim(o.email, E' \t\n\r\f\x0b')) FROM old_rows o WHERE o.is_customer
            EXCEPT
            SELECT lower(btrim(n.email, E' \t\n\r\f\x0b')) FROM new_rows n WHERE n.is_customer);
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
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

-- name: on_staff
-- Follows the links of customers to restaurants: one of the role STAFF is a link, any other makes them staff.
CREATE OR REPLACE FUNCTION separation_on_staff() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
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
            SELECT DISTINCT d.user_id FROM (
                SELECT r.user_id FROM (
                    SELECT id, user_id, restaurant_id, role FROM old_rows
                    UNION ALL SELECT id, user_id, restaurant_id, role FROM new_rows
                ) r GROUP BY r.id, r.user_id, r.restaurant_id, r.role HAVING count(*) = 1
            ) d));
    END IF;
    RETURN NULL;
END
$mirror$

-- name: on_owned
-- Follows the owners of what can change its owner: a profile is its customer's, and who writes recipes or menus is
-- staff.
CREATE OR REPLACE FUNCTION separation_on_owned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
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
            SELECT DISTINCT d.user_id FROM (
                SELECT r.user_id FROM (
                    SELECT id, user_id FROM old_rows UNION ALL SELECT id, user_id FROM new_rows
                ) r GROUP BY r.id, r.user_id HAVING count(*) = 1
            ) d));
    END IF;
    RETURN NULL;
END
$mirror$

-- name: on_dishes
-- Records the new menus and recipes whose restaurant cannot be told, since the old application does not say.
CREATE OR REPLACE FUNCTION separation_on_dishes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '50ms' AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        INSERT INTO separation_findings (kind, table_name, row_id)
        SELECT 'no_restaurant', TG_TABLE_NAME, n.id FROM new_rows n WHERE n.restaurant_id IS NULL
        ON CONFLICT (kind, table_name, row_id) DO NOTHING;
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;  -- the end of the next execute finds them
END
$mirror$

-- name: customer_for
-- Gives the customer whom a new booking of this user is linked to: nobody, if that customer is just being taken out, for
-- the key to customers would wait for that and then fail.
CREATE OR REPLACE FUNCTION separation_customer_for(person integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    found integer;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        SELECT c.id INTO found FROM customers c WHERE c.id = person FOR KEY SHARE SKIP LOCKED;
    END IF;
    RETURN found;
END
$mirror$

-- name: remember
-- Remembers a customer_id that the old application wrote itself: a roll-back must leave it.
CREATE OR REPLACE FUNCTION separation_remember(called text, identifier integer, customer integer, booker integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '50ms' AS $mirror$
BEGIN
    INSERT INTO separation_undo (table_name, row_id, customer_id) VALUES (called, identifier, customer)
    ON CONFLICT (table_name, row_id) DO UPDATE SET customer_id = excluded.customer_id;
EXCEPTION WHEN OTHERS THEN
    PERFORM separation_queue(ARRAY[booker, customer]);
END
$mirror$

-- name: on_customer_given
-- Before a booking is inserted, or its customer_id is written: remembers what the old application says, and says it where
-- the old application does not.
CREATE OR REPLACE FUNCTION separation_on_customer_given() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NEW;
    END IF;
    IF NEW.customer_id IS NOT NULL THEN
        PERFORM separation_remember(TG_TABLE_NAME, NEW.id, NEW.customer_id, NEW.user_id);
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM separation_undo u WHERE u.table_name = TG_TABLE_NAME AND u.row_id = NEW.id;
    END IF;
    NEW.customer_id := separation_customer_for(NEW.user_id);
    RETURN NEW;
END
$mirror$

-- name: on_user_given
-- Before a booking passes to another user: it passes to that user's customer, unless the old application named one, be it
-- before that one was moved.
CREATE OR REPLACE FUNCTION separation_on_user_given() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
BEGIN
    IF NEW.user_id IS DISTINCT FROM OLD.user_id
        AND (OLD.customer_id IS NULL
            OR OLD.customer_id = OLD.user_id AND EXISTS (SELECT FROM customers c WHERE c.id = OLD.customer_id))
        AND EXISTS (SELECT FROM separation_phase WHERE name = 'dual')
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '50ms' AS $mirror$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '50ms' AS $mirror$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    people integer[]; unfilled integer[] := '{}'; changed integer[]; tied integer[];
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
    PERFORM separation_booked(people, unfilled);
    RETURN NULL;
END
$mirror$

-- name: on_orders
-- Follows orders.
CREATE OR REPLACE FUNCTION separation_on_orders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    people integer[]; unfilled integer[] := '{}'; changed integer[];
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
    PERFORM separation_booked(people, unfilled);
    RETURN NULL;
END
$mirror$

-- name: statement_triggers
-- Fires a function after every statement on a table, with the rows it wrote, unless the migration itself is at work.
CREATE OR REPLACE TRIGGER separation_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER separation_update AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER separation_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION {function}()

-- name: row_triggers
-- Fires before a booking is given a customer or a user.
CREATE OR REPLACE TRIGGER separation_given BEFORE INSERT OR UPDATE OF customer_id ON {table} FOR EACH ROW
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION separation_on_customer_given();
CREATE OR REPLACE TRIGGER separation_passed BEFORE UPDATE OF user_id ON {table} FOR EACH ROW
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION separation_on_user_given()

-- name: dish_trigger
-- Fires after new menus or recipes.
CREATE OR REPLACE TRIGGER separation_dishes AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('separation.bypass', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION separation_on_dishes()
