-- The lock of all runs, and the record of a run that several processes share.

-- name: holder
-- Gives the session that holds the lock alone: its process, role, address, and since when it is connected.
SELECT a.pid, a.usename, coalesce(host(a.client_addr), 'this host'), a.backend_start
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = %(key)s
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: workers
-- Gives the sessions that share the lock: their processes and names, empty for those of a role one may not look at.
SELECT l.pid, coalesce(a.application_name, '')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted
    AND (l.classid::bigint << 32) + l.objid::bigint = %(key)s
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.backend_start, l.pid

-- name: total
-- Gives what the chunks of the run `r` did and what its last step did, added up by name.
SELECT coalesce(jsonb_object_agg(t.name, t.total), '{}') FROM (
    SELECT c.key AS name, sum(c.value::bigint) AS total
    FROM (SELECT k.counts FROM separation_chunks k WHERE k.run_id = r.id UNION ALL SELECT r.counts) k
        CROSS JOIN LATERAL jsonb_each_text(k.counts) c
    GROUP BY c.key
) t

-- name: close_run
-- Ends a run, once, with what all of its workers did.
UPDATE separation_runs r
SET state = %(state)s, error = %(error)s, finished_at = %(now)s, counts = ({{total}})
WHERE r.id = %(run)s AND r.state = 'running'

-- name: interrupt_runs
-- Marks the runs as interrupted of which no worker lives, with what their workers did.
UPDATE separation_runs r SET state = 'interrupted', counts = ({{total}}) WHERE r.state = 'running'

-- name: examined
-- Counts the customers that the chunks of a run have dealt with.
SELECT coalesce(sum((k.counts ->> 'examined')::bigint), 0) FROM separation_chunks k WHERE k.run_id = %(run)s
