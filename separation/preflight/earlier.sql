-- What the preflight asks about the tables that an earlier attempt left. Every block only reads.

-- name: put_back
-- Gives the customers of users whose password an earlier attempt overwrote, and whose hash survived in its rows, those
-- with an id below `below`.
WITH u AS (
    SELECT id, email, lower(btrim(email, E' \t\n\r\f\x0b')) AS key, is_customer,
        password = 'MIGRATED_TO_CUSTOMERS_TABLE' AS marked,
        count(*) OVER (PARTITION BY lower(btrim(email, E' \t\n\r\f\x0b'))) = 1 AS alone
    FROM users
)
SELECT DISTINCT u.id FROM u JOIN customers p ON lower(btrim(p.email, E' \t\n\r\f\x0b')) = u.key
WHERE p.id < %(below)s AND u.is_customer AND u.marked AND (u.alone OR p.email = u.email)
    AND p.password ~ '^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$'
ORDER BY 1

-- name: figures
-- Counts the rows of an earlier attempt, its markers in users, and the rows whose email no customer of users has.
SELECT (SELECT count(*) FROM customers WHERE id < %(below)s),
    (SELECT count(*) FROM users WHERE is_customer AND password = 'MIGRATED_TO_CUSTOMERS_TABLE'),
    (SELECT count(*) FROM customers p WHERE p.id < %(below)s AND NOT EXISTS (
        SELECT FROM users u
        WHERE u.is_customer
            AND lower(btrim(u.email, E' \t\n\r\f\x0b')) = lower(btrim(p.email, E' \t\n\r\f\x0b'))))

-- name: reasons
-- Why the tables that an earlier attempt left cannot be taken over, a sentence each.
WITH ours (relid) AS (
    SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname IN ('customers', 'customer_restaurants')
        AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM 'made by manage.py migrate'
),
keys AS (
    SELECT k.*, c.relname,
        (SELECT string_agg(a.attname, ', ') FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
            AS columns
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.confrelid = 'customers'::regclass AND k.conparentid = 0
)
SELECT c.relname || ' is no ordinary table'
FROM pg_class c JOIN ours o ON o.relid = c.oid WHERE c.relkind <> 'r' OR c.relispartition OR c.relhassubclass
UNION ALL
SELECT 'customers.id does not draw its values from a sequence of its own'
WHERE 'customers'::regclass IN (SELECT relid FROM ours) AND NOT EXISTS (
    SELECT FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        JOIN pg_depend w ON w.refobjid = a.attrelid AND w.refobjsubid = a.attnum AND w.deptype = 'a'
            AND w.classid = 'pg_class'::regclass
        JOIN pg_depend n ON n.classid = 'pg_attrdef'::regclass AND n.objid = d.oid AND n.refobjid = w.objid
    WHERE a.attrelid = 'customers'::regclass AND a.attname = 'id' AND a.attidentity = '')
UNION ALL
SELECT format('%%s.%%s references customers by its %%s', k.relname, k.columns, (
    SELECT string_agg(a.attname, ', ') FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)))
FROM keys k
WHERE NOT EXISTS (SELECT FROM pg_attribute a
    WHERE a.attrelid = k.confrelid AND a.attname = 'id' AND k.confkey = ARRAY[a.attnum])
UNION ALL
SELECT format('%%s.%%s references customers with ON DELETE %%s, where only SET NULL leaves the row', k.relname, k.columns,
    CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'd' THEN 'SET DEFAULT' ELSE 'RESTRICT' END)
FROM keys k WHERE k.relname IN ('reservations', 'orders', 'customer_profiles') AND k.confdeltype <> 'n'
UNION ALL
SELECT 'customer_restaurants.customer_id does not reference customers with ON DELETE CASCADE'
WHERE to_regclass('customer_restaurants') IN (SELECT relid FROM ours) AND NOT EXISTS (
    SELECT FROM keys k
    WHERE k.relname = 'customer_restaurants' AND k.columns = 'customer_id' AND k.confdeltype = 'c')
UNION ALL
SELECT 'customer_restaurants has no key over customer_id and restaurant_id'
WHERE to_regclass('customer_restaurants') IN (SELECT relid FROM ours) AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = to_regclass('customer_restaurants') AND i.indisunique AND i.indpred IS NULL AND i.indnkeyatts = 2
        AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = '{customer_id,restaurant_id}')
UNION ALL
SELECT format('the trigger %%s fires on %%s', t.tgname, t.tgrelid::regclass)
FROM pg_trigger t JOIN ours o ON o.relid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgname <> 'customer_changes'  -- our own, which parks nothing
UNION ALL
SELECT format('the constraint %%s allows only some ids in %%s', k.conname, k.conrelid::regclass)
FROM pg_constraint k JOIN ours o ON o.relid = k.conrelid
WHERE k.contype = 'c' AND EXISTS (SELECT FROM pg_attribute a
    WHERE a.attrelid = k.conrelid AND a.attname IN ('id', 'customer_id') AND a.attnum = ANY (k.conkey))
UNION ALL
SELECT DISTINCT format('the view %%s reads %%s', r.ev_class::regclass, o.relid::regclass)
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN ours o ON o.relid = d.refobjid WHERE r.ev_class <> o.relid
UNION ALL
SELECT 'both customer_sessions and earlier_customer_sessions are there'
WHERE to_regclass('earlier_customer_sessions') IS NOT NULL AND to_regclass('customer_sessions') IS NOT NULL
    AND obj_description(to_regclass('customer_sessions'), 'pg_class') IS DISTINCT FROM 'made by manage.py migrate'
ORDER BY 1

-- name: ids
-- The first and the last id of customers.
SELECT coalesce(min(id), 1), coalesce(max(id), 1) FROM customers

-- name: keys
-- The columns that reference the earlier attempt's customers: whether by a table of the old application, and whether they
-- follow a changed id.
SELECT k.conrelid::regclass::text, a.attname,
    k.conrelid IN (to_regclass('reservations'), to_regclass('orders'), to_regclass('customer_profiles')),
    k.confupdtype = 'c'
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
WHERE k.contype = 'f' AND k.confrelid = 'customers'::regclass AND k.conparentid = 0
ORDER BY 1, 2

-- name: user_triggers
-- The triggers of others that would fire when a password is put back in users.
SELECT t.tgname FROM pg_trigger t
WHERE t.tgrelid = 'users'::regclass AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 > 0
    AND t.tgname !~ '^(zz_)?separation_'
    AND (t.tgattr::text = '' OR EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = t.tgrelid AND a.attname = 'password' AND a.attnum = ANY (t.tgattr)))
ORDER BY 1
