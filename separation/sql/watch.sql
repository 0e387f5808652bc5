-- What a verification leaves behind: findings of kind `drift`.

-- name: may_write
-- Whether this server and this role take what a verification puts on record.
SELECT current_setting('transaction_read_only') = 'off' AND has_table_privilege('separation_looks', 'INSERT')
    AND has_table_privilege('separation_findings', 'INSERT, UPDATE')

-- name: find
-- Records the rows that break an invariant, each once, with the invariants it breaks.
INSERT INTO separation_findings (kind, table_name, row_id, detail)
SELECT 'drift', f.table_name, f.row_id, jsonb_build_object('invariants', jsonb_agg(f.invariant ORDER BY f.invariant))
FROM jsonb_to_recordset(%(found)s::jsonb) AS f (table_name text, row_id bigint, invariant text)
GROUP BY f.table_name, f.row_id
ON CONFLICT (kind, table_name, row_id)
    DO UPDATE SET state = 'open', detail = excluded.detail, updated_at = now()
    WHERE (separation_findings.state, separation_findings.detail) IS DISTINCT FROM ('open', excluded.detail)

-- name: settle
-- Marks all of that as gone, once nothing is broken.
UPDATE separation_findings SET state = 'gone', updated_at = now() WHERE kind = 'drift' AND state = 'open'
