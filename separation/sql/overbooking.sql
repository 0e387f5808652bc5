-- What restaurants are overbooked by: findings of kind `overbooked`.

-- name: find
-- Records the bookings that were one too many, each with its restaurant, day and time, the covers and the limit.
INSERT INTO separation_findings (kind, table_name, row_id, detail)
SELECT 'overbooked', 'reservations', (f.one ->> 'row_id')::bigint, f.one - 'row_id'
FROM jsonb_array_elements(%(found)s::jsonb) AS f (one)
ON CONFLICT (kind, table_name, row_id)
    DO UPDATE SET state = 'open', detail = excluded.detail, updated_at = now()
    WHERE (separation_findings.state, separation_findings.detail) IS DISTINCT FROM ('open', excluded.detail)

-- name: settle
-- Marks as gone those that are not too many any more, or over.
UPDATE separation_findings SET state = 'gone', updated_at = now()
WHERE kind = 'overbooked' AND state = 'open' AND row_id <> ALL (%(rows)s::bigint[])
