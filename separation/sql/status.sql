-- What separation_status shows of a run. Only reads, and waits for no row.

-- name: chunks
-- Counts the chunks of the ledger by state.
SELECT state, count(*) FROM separation_chunks GROUP BY state

-- name: pace
-- Gives how many customers the chunks of a run have dealt with, and how many a second within the last minute.
SELECT coalesce(sum(k.examined), 0),
    coalesce(sum(k.examined) FILTER (WHERE k.moved_at > now() - interval '1 minute'), 0)
        / greatest(1, least(60, extract(epoch FROM now() - r.started_at)))::float8
FROM separation_runs r
    LEFT JOIN (SELECT run_id, moved_at, (counts ->> 'examined')::bigint AS examined FROM separation_chunks) k
        ON k.run_id = r.id
WHERE r.id = %(run)s GROUP BY r.id, r.started_at
