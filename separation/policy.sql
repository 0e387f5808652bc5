-- The foreign keys to users, and whose rows are behind them. Only reads.

-- name: keys
-- Every foreign key to users: its table as SQL writes it, its name, what a delete does, whether it was validated and is
-- deferrable, its columns and those of users they name, whether the first can be null, and about how many rows there are.
SELECT c.conrelid::regclass::text, c.conname::text,
    CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' WHEN 'r' THEN 'RESTRICT'
        ELSE 'NO ACTION' END,
    c.convalidated, c.condeferrable,
    (SELECT array_agg(a.attname::text ORDER BY k.position)
     FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
    (SELECT array_agg(a.attname::text ORDER BY k.position)
     FROM unnest(c.confkey) WITH ORDINALITY AS k (number, position)
         JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number),
    NOT (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]),
    greatest(t.reltuples, 0)::bigint
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND c.conparentid = 0
ORDER BY t.relnamespace <> current_schema()::regnamespace, 1, 6, 2

-- name: repointed
-- The columns with a foreign key to customers, if that table is there: those that clean-up has repointed are among them.
SELECT DISTINCT c.conrelid::regclass::text || '.' || a.attname
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.confrelid = to_regclass('customers')

-- name: nobody_decided
-- Before adoption nobody has been asked who is staff.
SELECT NULL::bigint AS row_id, NULL::text AS decision WHERE false

-- name: decided
-- Those marked as customers of whom staff said that they stay in users: as staff, or beside another with their email; or
-- that they are both.
SELECT f.row_id, CASE WHEN bool_or(f.decision = 'both') THEN 'both' ELSE 'staff' END AS decision FROM separation_findings f
WHERE f.table_name = 'users' AND (f.decision = 'both' OR f.decision IN ('staff', 'left') AND f.state = 'settled')
GROUP BY f.row_id

-- name: rows
-- Counts the rows of a table whose user leaves users at clean-up, and those whose user is no customer; whoever is both
-- counts for neither.
SELECT count(*) FILTER (WHERE u.is_customer AND d.decision IS NULL),
    count(*) FILTER (WHERE CASE d.decision WHEN 'staff' THEN true WHEN 'both' THEN false ELSE NOT u.is_customer END)
FROM {table} AS t {sample} JOIN users u ON {condition} LEFT JOIN ({decided}) d ON d.row_id = u.id
