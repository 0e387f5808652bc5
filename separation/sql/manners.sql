-- What a worker looks at between two chunks. Nothing here waits for a lock.

-- name: readings
-- Gives what is asked of a run and by whom; the standby that is furthest behind, and by how many seconds; the process,
-- name and age in seconds of the oldest transaction of anybody but its workers; and whether anybody but the engine has
-- asked the server for something in the last seconds. What this role may not see counts as nothing, but a session of
-- which it sees nothing as one at work.
SELECT r.request, r.requested_by, coalesce(b.name, ''), coalesce(b.lag, 0), o.pid, o.name, coalesce(o.age, 0), EXISTS (
    SELECT FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
        AND a.application_name NOT LIKE 'separation %%'
        AND coalesce(a.query_start > clock_timestamp() - interval '5 s', true)
)
FROM separation_runs r LEFT JOIN LATERAL (
    SELECT concat_ws(' at ', s.application_name, host(s.client_addr)) AS name, extract(epoch FROM s.replay_lag) AS lag
    FROM pg_stat_replication s WHERE s.replay_lag IS NOT NULL
    ORDER BY s.replay_lag DESC LIMIT 1
) b ON true LEFT JOIN LATERAL (
    SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename::text) AS name,
        extract(epoch FROM clock_timestamp() - a.xact_start) AS age
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.xact_start IS NOT NULL
        AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'separation worker %%'
    ORDER BY a.xact_start LIMIT 1
) o ON true
WHERE r.id = %(run)s

-- name: blocked
-- Gives the sessions that wait for a lock of this one.
SELECT a.pid FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND pg_backend_pid() = ANY (pg_blocking_pids(a.pid))
ORDER BY a.pid

-- name: ask
-- Asks something of the run that is under way, or takes it back: only where it is still as it was read.
UPDATE separation_runs SET request = %(request)s, requested_by = %(by)s, requested_at = now()
WHERE id = %(run)s AND state = 'running' AND request = %(before)s
