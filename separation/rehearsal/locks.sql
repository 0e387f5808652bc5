-- What somebody holds on a table while a step is rehearsed.

-- name: held
-- Every lock that a client of this database but the asker holds at this instant on one of the tables.
SELECT c.relname::text, l.mode, l.pid, a.xact_start::text
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%(tables)s)
