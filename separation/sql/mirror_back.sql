-- The mirror the other way: what the new application writes, repeated in legacy form, in its own transaction.
--
-- First the functions, then the triggers of each table. The functions run with the rights of their owner and see fixed
-- schemas only. Unlike the mirror from legacy to new this one is strict: what has no legacy form, or collides with what
-- the old application has, is refused with an error. All act in phase `dual` only, and not on what the migration writes.
--
-- Transition tables are read into arrays, and only arrays are joined with tables: a plan that was made for one row is
-- kept for ten thousand.

-- name: profiles_known
-- Tells whether the old application knows customer_profiles: whether it brought the table, and with it user_id, along.
CREATE OR REPLACE FUNCTION separation_profiles_known() RETURNS boolean
LANGUAGE sql STABLE {{as_owner}} AS $mirror$
    SELECT EXISTS (
        SELECT FROM pg_attribute a
        WHERE a.attrelid = 'customer_profiles'::regclass AND a.attname = 'user_id' AND NOT a.attisdropped
            AND strpos(coalesce(col_description(a.attrelid, a.attnum), ''), 'made by manage.py migrate') = 0)
$mirror$

-- name: profile_is_empty
-- Tells whether a profile is as the migration makes it; an email verified or not is its customer's, not its own. Without
-- settings of its own it is part of the query that calls it.
CREATE OR REPLACE FUNCTION separation_profile_is_empty(p customer_profiles) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $mirror$
    SELECT NOT (p.phone_verified OR p.vip_status OR p.marketing_opt_in)
        AND coalesce(p.preferred_contact_method, p.dietary_restrictions, p.special_requests, p.notes) IS NULL
        AND coalesce(p.birthday, p.anniversary) IS NULL AND coalesce(p.tags, '{}') = '{}' AND p.preferences = '{}'
$mirror$

-- name: refuse_closed
-- Refuses what the new application writes in phase legacy. Before the first move nobody would repeat it in users; since a
-- roll-back began nobody would export it any more, and it would be gone.
CREATE OR REPLACE FUNCTION separation_refuse_closed() RETURNS trigger
LANGUAGE plpgsql {{as_owner}} AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE closed) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', TABLE = TG_TABLE_NAME,
            MESSAGE = format('The phase is legacy: the customers are in users, and %s is closed.', TG_TABLE_NAME),
            HINT = 'python manage.py separation_status';
    END IF;
    RETURN NEW;
END
$mirror$

-- name: refuse_delete
-- Refuses to delete a customer of whom the old application has everything.
CREATE OR REPLACE FUNCTION separation_refuse_delete() RETURNS trigger
LANGUAGE plpgsql {{as_owner}} AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation', TABLE = 'customers',
            MESSAGE = 'A customer cannot be deleted while both schemas live.',
            HINT = 'Deactivate the customer (is_active), or anonymise the row.';
    END IF;
    RETURN OLD;
END
$mirror$

-- name: before_customer
-- Refuses a customer who has no legacy form: another id, no address, an email that somebody in users has in whatever
-- case, a phone number or a password that users cannot hold. No message holds the email itself.
CREATE OR REPLACE FUNCTION separation_before_customer() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    inserted boolean := TG_OP = 'INSERT';
    wrong text;
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NEW;
    END IF;
    IF NOT inserted AND NEW.id <> OLD.id THEN
        wrong := 'a customer keeps the id of the same person in users';
    ELSIF (inserted OR NEW.email <> OLD.email) AND NEW.email !~ '^[^@\s]+@[^@\s]+$' THEN
        wrong := 'email is not an address';
    ELSIF (inserted OR NEW.phone IS DISTINCT FROM OLD.phone) AND length(NEW.phone) > 50 THEN
        wrong := 'phone is longer than the 50 characters of users.phone';
    ELSIF (inserted OR NEW.password <> OLD.password)
        AND NEW.password !~ '^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$' AND NEW.password !~ '^!(?!\$2)'
    THEN
        wrong := 'password is neither a bcrypt hash nor marked as unusable by a leading !';
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', TABLE = 'customers',
            MESSAGE = format('Customer %s cannot be written to users: %s.', NEW.id, wrong);
    END IF;
    IF (inserted OR lower(NEW.email) <> lower(OLD.email)) AND EXISTS (
        SELECT FROM users u
        WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(NEW.email) AND u.id <> NEW.id)
    THEN
        PERFORM separation_refuse_email(NEW.id);
    END IF;
    RETURN NEW;
END
$mirror$

-- name: refuse_email
-- Refuses a customer whose email somebody else has in users, as the unique index there would.
CREATE OR REPLACE FUNCTION separation_refuse_email(person integer) RETURNS void
LANGUAGE plpgsql {{as_owner}} AS $mirror$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'unique_violation', TABLE = 'users', CONSTRAINT = 'users_email_key',
        MESSAGE = format('The email of customer %s belongs to another person in users.', person);
END
$mirror$

-- name: count_people_back
-- Counts the rows, one for each of these people, that are repeated in legacy form; see the block of that name there.
IF cardinality(ids) = 1 THEN
    counted := nextval('separation_mirrored_back');
ELSE
    SELECT count(nextval('separation_mirrored_back')) INTO counted FROM unnest(ids);
END IF

-- name: on_customers_inserted
-- Gives each new customer a users row of the same id, and all that the migration gives whom it moves: a profile, which
-- the old application sees where it knows profiles, the link to a lone restaurant, and findings.
CREATE OR REPLACE FUNCTION separation_on_customers_inserted() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
    ids integer[]; taken text; counted bigint;
BEGIN
    ids := ARRAY(SELECT n.id FROM new_rows n ORDER BY n.id);
    IF ids = '{}' OR NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    {{count_people_back}};
    PERFORM set_config('separation.bypass', 'on', true);
    BEGIN
        INSERT INTO users (id, email, name, password, phone, role, is_customer, created_at, updated_at)
        SELECT n.id, n.email,
            nullif(btrim(regexp_replace(n.first_name || ' ' || n.last_name, '\s+', ' ', 'g')), ''),
            CASE WHEN n.is_active OR n.password LIKE '!%' THEN n.password ELSE '!' || n.password END,
            n.phone, 'USER', true, n.created_at, n.updated_at
        FROM new_rows n ORDER BY n.id;
    EXCEPTION WHEN unique_violation THEN
        -- Somebody registered with this very email meanwhile, or the id was not drawn from the sequence.
        GET STACKED DIAGNOSTICS taken = CONSTRAINT_NAME;
        IF taken = 'users_pkey' THEN
            RAISE EXCEPTION USING ERRCODE = 'unique_violation', TABLE = 'users', CONSTRAINT = 'users_pkey',
                MESSAGE = 'The id of a new customer belongs to another person in users.';
        END IF;
        PERFORM separation_refuse_email(ids[1]);
    END;
    PERFORM separation_sync(ids);
    IF separation_profiles_known() THEN
        UPDATE customer_profiles p SET user_id = p.customer_id, email_verified = c.email_verified
        FROM customers c WHERE p.customer_id = ANY (ids) AND c.id = p.customer_id;
    END IF;
    PERFORM set_config('separation.bypass', bypass, true);
    RETURN NULL;
END
$mirror$

-- name: forget_merged
-- Takes out of users, and of the old application's profiles, who these people are, since the customer they are merged into
-- was anonymised: it is one person. The caller holds the rows of users, and the bypass is on.
CREATE OR REPLACE FUNCTION separation_forget_merged(ids integer[]) RETURNS void
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    UPDATE users u SET email = 'anonymised-' || u.id || '@anonymised.invalid', name = NULL, phone = NULL, password = '!',
        updated_at = c.updated_at
    FROM separation_merges m JOIN customers c ON c.id = m.customer_id
    WHERE u.id = ANY (ids) AND m.user_id = u.id;
    UPDATE customer_profiles p SET phone_verified = false, email_verified = false, preferred_contact_method = NULL,
        dietary_restrictions = NULL, special_requests = NULL, vip_status = false, tags = '{}', notes = NULL,
        marketing_opt_in = false, birthday = NULL, anniversary = NULL, preferences = '{}'
    WHERE p.user_id = ANY (ids);
    UPDATE separation_merges m SET filled = '{}' WHERE m.user_id = ANY (ids);
    UPDATE separation_findings f SET state = 'gone', detail = '{}', updated_at = now()
    WHERE f.kind = 'set_aside' AND f.table_name = 'users' AND f.row_id = ANY (ids);
END
$mirror$

-- name: on_customers_updated
-- Writes to users what this very statement changed of customers, and no other column: whatever the old application
-- writes at the same time stays. The people are locked in the order of their ids, with their keys only if an email
-- changes, since that lock makes new bookings wait. A password of somebody deactivated has a leading !, which no reader
-- of bcrypt accepts and which loses nothing. Raises lock_not_available if an email cannot be locked within 3 seconds.
CREATE OR REPLACE FUNCTION separation_on_customers_updated() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
    ids integer[]; emails text[]; freed text[]; names text[]; passwords text[]; actives boolean[]; switched boolean[];
    phones text[]; phoned boolean[]; verified boolean[]; created timestamp[]; updated timestamp[]; missing integer;
    counted bigint; merged integer[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') THEN
        RETURN NULL;
    END IF;
    -- In each array what changed, and null where it did not; the row before comes first of the two with one id.
    SELECT array_agg(d.id ORDER BY d.id),
        array_agg(CASE WHEN d.email <> d.was_email THEN d.email END ORDER BY d.id),
        array_agg(DISTINCT lower(d.was_email)) FILTER (WHERE lower(d.email) <> lower(d.was_email)),
        array_agg(CASE WHEN (d.first_name, d.last_name) <> (d.was_first_name, d.was_last_name)
            THEN btrim(regexp_replace(d.first_name || ' ' || d.last_name, '\s+', ' ', 'g')) END ORDER BY d.id),
        array_agg(CASE WHEN d.password <> d.was_password THEN d.password END ORDER BY d.id),
        array_agg(d.is_active ORDER BY d.id), array_agg(d.is_active <> d.was_active ORDER BY d.id),
        array_agg(d.phone ORDER BY d.id), array_agg(d.phone IS DISTINCT FROM d.was_phone ORDER BY d.id),
        array_agg(CASE WHEN d.email_verified <> d.was_verified THEN d.email_verified END ORDER BY d.id),
        array_agg(CASE WHEN d.created_at <> d.was_created THEN d.created_at END ORDER BY d.id),
        array_agg(CASE WHEN d.updated_at <> d.was_updated THEN d.updated_at END ORDER BY d.id)
    INTO ids, emails, freed, names, passwords, actives, switched, phones, phoned, verified, created, updated
    FROM (
        SELECT r.*, lag(r.email) OVER one AS was_email, lag(r.password) OVER one AS was_password,
            lag(r.first_name) OVER one AS was_first_name, lag(r.last_name) OVER one AS was_last_name,
            lag(r.phone) OVER one AS was_phone, lag(r.is_active) OVER one AS was_active,
            lag(r.email_verified) OVER one AS was_verified, lag(r.created_at) OVER one AS was_created,
            lag(r.updated_at) OVER one AS was_updated
        FROM (
            SELECT 0 AS side, id, email, password, first_name, last_name, phone, is_active, email_verified, created_at,
                updated_at FROM old_rows
            UNION ALL
            SELECT 1, id, email, password, first_name, last_name, phone, is_active, email_verified, created_at,
                updated_at FROM new_rows
        ) r WINDOW one AS (PARTITION BY r.id ORDER BY r.side)
    ) d
    WHERE d.side = 1 AND (d.email, d.password, d.first_name, d.last_name, d.phone, d.is_active, d.email_verified,
            d.created_at, d.updated_at) IS DISTINCT FROM (d.was_email, d.was_password, d.was_first_name,
            d.was_last_name, d.was_phone, d.was_active, d.was_verified, d.was_created, d.was_updated);
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    {{count_people_back}};

    PERFORM set_config('separation.bypass', 'on', true);
    IF array_remove(emails, NULL) <> '{}' THEN
        merged := ARRAY(
            SELECT m.user_id FROM separation_merges m JOIN customers c ON c.id = m.customer_id
            WHERE m.customer_id = ANY (ids) AND c.anonymized_at IS NOT NULL);
        -- Asked for again and again, never waited for: whoever waits for this lock, which waits for every booking that
        -- is under way, keeps the old application's other writes of the person waiting behind it, in a ring at worst.
        LOOP
            BEGIN
                PERFORM u.id FROM users u WHERE u.id = ANY (ids || merged) ORDER BY u.id FOR UPDATE NOWAIT;
                EXIT;
            EXCEPTION WHEN lock_not_available THEN
                IF clock_timestamp() > statement_timestamp() + interval '3 s' THEN
                    RAISE EXCEPTION USING ERRCODE = 'lock_not_available', TABLE = 'customers', MESSAGE = format(
                        'The email of customer %s cannot be changed now: the old application is writing that person. '
                        'Try again.', ids[1]);
                END IF;
                PERFORM pg_sleep(0.01);
            END;
        END LOOP;
    ELSE
        PERFORM u.id FROM users u WHERE u.id = ANY (ids) ORDER BY u.id FOR NO KEY UPDATE;
    END IF;
    SELECT i.id INTO missing FROM unnest(ids) i (id)
    WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = i.id AND u.is_customer) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', TABLE = 'customers',
            MESSAGE = format('Customer %s is no customer in users any more: the old application changed that just now.',
                missing);
    END IF;

    UPDATE users u SET
        name = CASE WHEN x.name = btrim(regexp_replace(coalesce(u.name, ''), '\s+', ' ', 'g')) THEN u.name
            WHEN x.name IS NULL THEN u.name ELSE nullif(x.name, '') END,
        password = CASE
            WHEN x.password IS NOT NULL AND (x.active OR x.password LIKE '!%') THEN x.password
            WHEN x.password IS NOT NULL THEN '!' || x.password
            WHEN x.switched AND x.active AND u.password LIKE '!$2%' THEN substr(u.password, 2)
            WHEN x.switched AND NOT x.active AND u.password LIKE '$2%' THEN '!' || u.password
            ELSE u.password END,
        phone = CASE WHEN x.phoned THEN x.phone ELSE u.phone END,
        created_at = coalesce(x.created_at, u.created_at), updated_at = coalesce(x.updated_at, u.updated_at)
    FROM unnest(ids, names, passwords, actives, switched, phones, phoned, created, updated)
        x (id, name, password, active, switched, phone, phoned, created_at, updated_at)
    WHERE u.id = x.id;
    BEGIN
        UPDATE users u SET email = x.email FROM unnest(ids, emails) x (id, email)
        WHERE u.id = x.id AND u.email <> x.email;
    EXCEPTION WHEN unique_violation THEN
        PERFORM separation_refuse_email(ids[1]);
    END;
    IF merged <> '{}' THEN
        PERFORM separation_forget_merged(merged);
    END IF;
    UPDATE customer_profiles p SET email_verified = x.verified FROM unnest(ids, verified) x (id, verified)
    WHERE p.user_id = x.id AND p.email_verified <> x.verified;

    IF array_remove(passwords, NULL) <> '{}' THEN
        PERFORM separation_find(
            ARRAY(SELECT x.id FROM unnest(ids, passwords) x (id, password) WHERE x.password IS NOT NULL), '{}', '{}',
            ARRAY(SELECT x.id FROM unnest(ids, passwords) x (id, password) JOIN customers c ON c.id = x.id
                WHERE x.password LIKE '!%' AND c.anonymized_at IS NULL));
    END IF;
    IF freed IS NOT NULL THEN
        -- Whoever was kept back as a duplicate of an email that is free now may come in.
        PERFORM separation_queue(ARRAY(
            SELECT u.id FROM users u
            WHERE lower(btrim(u.email, E' \t\n\r\f\x0b')) = ANY (freed) AND u.is_customer
                AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id)));
    END IF;
    PERFORM set_config('separation.bypass', bypass, true);
    RETURN NULL;
END
$mirror$

-- name: on_password_of_suspended
-- Before the old application gives somebody a password whom the portal has deactivated: it is theirs, and keeps them out.
CREATE OR REPLACE FUNCTION separation_on_password_of_suspended() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
BEGIN
    IF EXISTS (SELECT FROM separation_phase WHERE name = 'dual')
        AND EXISTS (SELECT FROM customers c WHERE c.id = NEW.id AND NOT c.is_active)
    THEN
        NEW.password := '!' || NEW.password;
    END IF;
    RETURN NEW;
END
$mirror$

-- name: before_profile
-- Before a profile is written. One that the new application writes becomes the old application's too, where that knows
-- profiles. One that the old application makes takes the place of the empty one that came with a registration.
CREATE OR REPLACE FUNCTION separation_before_profile() RETURNS trigger
LANGUAGE plpgsql {{planned_once}} AS $mirror$
DECLARE
    bypass text := coalesce(current_setting('separation.bypass', true), '');
BEGIN
    IF NOT EXISTS (SELECT FROM separation_phase WHERE name = 'dual') OR NOT separation_profiles_known() THEN
        RETURN NEW;
    END IF;
    IF NEW.user_id IS NULL THEN
        NEW.user_id := NEW.customer_id;
    ELSIF current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM set_config('separation.bypass', 'on', true);
        DELETE FROM customer_profiles t WHERE t.id IN (
            SELECT p.id FROM customer_profiles p JOIN customers c ON c.id = p.customer_id
            WHERE p.user_id = NEW.user_id AND c.id = p.user_id AND p.created_at = c.created_at
                AND separation_profile_is_empty(p) FOR UPDATE OF p SKIP LOCKED);
        PERFORM set_config('separation.bypass', bypass, true);
    END IF;
    RETURN NEW;
END
$mirror$

-- name: triggers_customers
-- Fires around what the new application writes to customers.
CREATE OR REPLACE TRIGGER separation_closed BEFORE INSERT OR UPDATE ON customers FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_refuse_closed();
CREATE OR REPLACE TRIGGER separation_given BEFORE INSERT ON customers FOR EACH ROW
    WHEN ({{unless_ours}})
    EXECUTE FUNCTION separation_before_customer();
CREATE OR REPLACE TRIGGER separation_changed BEFORE UPDATE ON customers FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.phone, OLD.password) IS DISTINCT FROM (NEW.id, NEW.email, NEW.phone, NEW.password)
        AND {{unless_ours}})
    EXECUTE FUNCTION separation_before_customer();
CREATE OR REPLACE TRIGGER separation_insert AFTER INSERT ON customers REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT WHEN ({{unless_ours}})
    EXECUTE FUNCTION separation_on_customers_inserted();
CREATE OR REPLACE TRIGGER separation_update AFTER UPDATE ON customers
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN ({{unless_ours}})
    EXECUTE FUNCTION separation_on_customers_updated();
CREATE OR REPLACE TRIGGER separation_delete BEFORE DELETE ON customers FOR EACH ROW
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_refuse_delete();
CREATE OR REPLACE TRIGGER separation_truncate BEFORE TRUNCATE ON customers FOR EACH STATEMENT
    EXECUTE FUNCTION separation_refuse_delete()

-- name: triggers_customer_profiles
-- Fires before the writes of either application to customer_profiles; the statements' own triggers are in mirror.sql.
CREATE OR REPLACE TRIGGER separation_closed BEFORE INSERT OR UPDATE ON customer_profiles FOR EACH ROW
    WHEN (NEW.user_id IS NULL AND NEW.customer_id IS NOT NULL
        AND {{unless_ours}})
    EXECUTE FUNCTION separation_refuse_closed();
CREATE OR REPLACE TRIGGER separation_given BEFORE INSERT ON customer_profiles FOR EACH ROW
    WHEN ({{unless_ours}})
    EXECUTE FUNCTION separation_before_profile();
CREATE OR REPLACE TRIGGER separation_shown BEFORE UPDATE ON customer_profiles FOR EACH ROW
    WHEN (NEW.user_id IS NULL AND NEW.customer_id IS NOT NULL
        AND {{unless_ours}})
    EXECUTE FUNCTION separation_before_profile()

-- name: triggers_customer_restaurants
-- Fires before what is written to the links of customers.
CREATE OR REPLACE TRIGGER separation_closed BEFORE INSERT OR UPDATE ON customer_restaurants FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_refuse_closed()

-- name: triggers_customer_sessions
-- Fires before what is written to the log-ins of customers.
CREATE OR REPLACE TRIGGER separation_closed BEFORE INSERT OR UPDATE ON customer_sessions FOR EACH STATEMENT
    WHEN ({{unless_ours}}) EXECUTE FUNCTION separation_refuse_closed()

-- name: triggers_users
-- Fires before somebody gets a password whose last one no reader of bcrypt accepted.
CREATE OR REPLACE TRIGGER separation_suspended BEFORE UPDATE OF password ON users FOR EACH ROW
    WHEN (NEW.password LIKE '$2%' AND OLD.password NOT LIKE '$2%'
        AND {{unless_ours}})
    EXECUTE FUNCTION separation_on_password_of_suspended()
