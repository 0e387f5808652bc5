-- Camel case, as other ORMs leave it: the same tables, their columns quoted.

-- name: rename
-- Renames every column of several words, customer_email to "customerEmail"; indexes and keys keep their names.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT attrelid::regclass AS relation, attname AS old,
                        (SELECT string_agg(CASE WHEN n = 1 THEN word ELSE initcap(word) END, '' ORDER BY n)
                         FROM unnest(string_to_array(attname, '_')) WITH ORDINALITY AS words (word, n)) AS new
                 FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                 WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
                       AND attname LIKE '%\_%' AND relname <> 'separation_environment'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', found.relation, found.old, found.new);
    END LOOP;
END $$;
