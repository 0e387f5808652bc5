-- Before and after the rows: how to be quick, sequences, what was built.

-- name: speed
-- Lets this transaction, and no later one, sort and index in memory; compiling its long expressions would only delay it.
SET LOCAL work_mem = '128MB';
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL jit = off;

-- name: sequences
-- Sets the sequence of every table's id behind the greatest id in it.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT attrelid::regclass AS name, pg_get_serial_sequence(attrelid::regclass::text, 'id') AS sequence
                FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                WHERE attname = 'id' AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
    LOOP
        IF made.sequence IS NOT NULL THEN
            EXECUTE format('SELECT setval(%L, coalesce(max(id), 1), max(id) IS NOT NULL) FROM %s', made.sequence, made.name);
        END IF;
    END LOOP;
END $$;

-- name: tables
-- The names of the tables, in order.
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
ORDER BY relname;

-- name: people
-- How many users are marked as customers, and how many are not.
SELECT count(*) FILTER (WHERE is_customer), count(*) FILTER (WHERE NOT is_customer) FROM users;

-- name: findings
-- How many rows each kind of finding is about.
SELECT kind, count(*) FROM sample_findings GROUP BY kind ORDER BY kind;

-- name: staff_logins
-- Somebody of each role: the platform's two, and the first unmarked owner, manager and waiter.
SELECT email, role, restaurant
FROM (
    SELECT DISTINCT ON (what.rank) what.rank, u.email, what.role, r.name AS restaurant
    FROM users u
         LEFT JOIN restaurant_staff s ON s.user_id = u.id AND u.role = 'USER' AND s.is_active
         LEFT JOIN restaurants r ON r.id = s.restaurant_id
         CROSS JOIN LATERAL (
             SELECT CASE u.role::text WHEN 'SUPERADMIN' THEN 1 WHEN 'ADMIN' THEN 2
                    ELSE CASE s.role::text WHEN 'OWNER' THEN 3 WHEN 'MANAGER' THEN 4 WHEN 'STAFF' THEN 5 END END,
                    CASE WHEN u.role = 'USER' THEN s.role::text ELSE u.role::text END) AS what (rank, role)
    WHERE NOT u.is_customer AND what.rank IS NOT NULL
    ORDER BY what.rank, u.id
) found
ORDER BY rank;
