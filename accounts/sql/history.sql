-- What the database knows of a user beyond what the models know.

-- name: referring_columns
-- Gives every column that references users, of any table but the one whose rows go with their user.
SELECT format('%%I.%%I', n.nspname, r.relname), a.attname, r.relname
FROM pg_constraint c
JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND r.relname <> %(goes_with_user)s
ORDER BY 1, 2
