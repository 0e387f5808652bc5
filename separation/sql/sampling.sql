-- Counters that are free to read: the mirror's sequences, and what PostgreSQL counts of every table anyway.

-- name: legacy_logins
-- Gives the tables of the old application in which a log-in leaves a row, told by their names: nothing else says so.
SELECT DISTINCT k.conrelid FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.confrelid = to_regclass('users')
    AND c.relname ~* '(refresh_?token|session|log_?in)' AND c.relname !~ '^(earlier_)?customer_'

-- name: readings
-- Gives what each counter reads now. Log-ins of the old application are unknown where no table of it tells them.
SELECT jsonb_build_object(
    'mirrored', (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM separation_mirrored s),
    'mirrored_back', (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM separation_mirrored_back s),
    'logins', pg_stat_get_tuples_inserted(to_regclass('customer_sessions')),
    'legacy_logins', (SELECT sum(pg_stat_get_tuples_inserted(t.conrelid)) FROM ({{legacy_logins}}) t)
)

-- name: may_write
-- Whether this server and this role take a reading.
SELECT current_setting('transaction_read_only') = 'off'
    AND has_table_privilege('separation_samples', 'INSERT, UPDATE, DELETE')

-- name: take
-- Keeps one reading of each hour, the first; one of a database from which this one was copied gives way.
INSERT INTO separation_samples AS s (hour, identity, taken_at, readings)
SELECT date_trunc('hour', now(), 'UTC'), %(identity)s, now(), ({{readings}})
ON CONFLICT (hour) DO UPDATE
    SET identity = excluded.identity, taken_at = excluded.taken_at, readings = excluded.readings
    WHERE s.identity <> excluded.identity

-- name: forget
-- Deletes the readings that nobody looks at any more.
DELETE FROM separation_samples WHERE hour < now() - interval '90 days'
