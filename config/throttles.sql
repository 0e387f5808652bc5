-- Counts what somebody asks for. Each count is one statement, by the clock of the database, so that any number of
-- processes count together; whichever is over is taken away by those that come after, two rows at a time.

-- name: moment
-- Gives the time of the statement as the columns have it, to the millisecond: nobody waits a second for a rounded half.
(statement_timestamp() AT TIME ZONE 'UTC')::timestamp(3)

-- name: committed
-- Lets a statement that is a transaction of its own wait for no disk when it commits: a server that crashes may forget what
-- was counted in its last second, and nothing else.
set_config('synchronous_commit', CASE WHEN %(alone)s THEN 'off' ELSE current_setting('synchronous_commit') END, true)

-- name: take_away
-- Deletes two rows that are over, waiting for nobody: there are never many more of them than are counted at the same time.
DELETE FROM request_throttles WHERE key IN (
    SELECT o.key FROM request_throttles o WHERE o.expires_at <= {{moment}} AND o.key <> %(key)s
    ORDER BY o.expires_at LIMIT 2 FOR UPDATE SKIP LOCKED)

-- name: count_request
-- Counts one more; gives how many there were since the first of them, for as long as that counts, and for how many seconds
-- it still does.
WITH gone AS ({{take_away}})
INSERT INTO request_throttles AS t (key, count, expires_at)
SELECT %(key)s, 1, {{moment}} + make_interval(secs => %(seconds)s) FROM {{committed}}
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN t.expires_at <= {{moment}} THEN 1 ELSE t.count + 1 END,
    expires_at = CASE WHEN t.expires_at <= {{moment}} THEN excluded.expires_at ELSE t.expires_at END
RETURNING t.count, ceil(extract(epoch FROM t.expires_at - {{moment}}))::integer

-- name: begin_attempt
-- Counts an attempt as if it had failed, so that many at once are no way around; from the one numbered `free` on the next
-- has to wait, one second and each time twice as long. Gives no row, and counts nothing, while that wait is not over.
WITH gone AS ({{take_away}})
INSERT INTO request_throttles AS t (key, count, expires_at)
SELECT %(key)s, 1, {{moment}} + make_interval(secs => %(kept)s) FROM {{committed}}
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN t.expires_at <= {{moment}} THEN 1 ELSE t.count + 1 END,
    expires_at = excluded.expires_at,
    blocked_until = CASE WHEN t.expires_at > {{moment}} AND t.count + 1 >= %(free)s
        THEN {{moment}} + make_interval(secs => least(2 ^ least(t.count + 1 - %(free)s, 20), %(longest)s)) END
WHERE t.blocked_until IS NULL OR t.blocked_until <= {{moment}}
RETURNING t.count

-- name: forget
-- Forgets what was counted.
DELETE FROM request_throttles WHERE key = %(key)s

-- name: left_to_wait
-- Gives how many seconds the next attempt has to wait.
SELECT greatest(ceil(extract(epoch FROM t.blocked_until - {{moment}}))::integer, 1)
FROM request_throttles t WHERE t.key = %(key)s

-- name: failed
-- Gives how many attempts in a row have failed, and how many seconds the next has to wait.
SELECT t.count, greatest(ceil(extract(epoch FROM t.blocked_until - {{moment}}))::integer, 0)
FROM request_throttles t WHERE t.key = %(key)s AND t.expires_at > {{moment}}
