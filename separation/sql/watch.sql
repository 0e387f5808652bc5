-- What a verification leaves behind: findings of kind `drift`.

-- name: may_write
-- Whether this server and this role take what a verification puts on record.
SELECT current_setting('transaction_read_only') = 'off' AND has_table_privilege('separation_looks', 'INSERT')
    AND has_table_privilege('separation_findings', 'INSERT, UPDATE')
    AND has_table_privilege('separation_invariants', 'INSERT, UPDATE, DELETE')

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

-- name: keep
-- Keeps what a verification came to, invariant by invariant, unless a later one has been here; one of everything forgets
-- what is no invariant any more. How many rows there are of each is known only to one that looked at everything.
WITH found AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::jsonb) AS r (id text, position integer, guarantee text, status text,
        figure text, compared bigint, offending bigint, sample jsonb, details jsonb, remedy text)
),
gone AS (
    DELETE FROM separation_invariants i WHERE %(whole)s AND NOT EXISTS (SELECT FROM found f WHERE f.id = i.id)
)
INSERT INTO separation_invariants AS i (id, identity, position, guarantee, status, figure, checked_at, compared,
    whole_at, offending, sample, details, remedy)
SELECT f.id, %(identity)s, f.position, f.guarantee, f.status, f.figure, %(at)s, f.compared,
    CASE WHEN %(whole)s THEN %(at)s::timestamptz END, f.offending, f.sample, f.details, f.remedy
FROM found f ORDER BY f.id
ON CONFLICT (id) DO UPDATE SET identity = excluded.identity, position = excluded.position,
    guarantee = excluded.guarantee, status = excluded.status, figure = excluded.figure,
    checked_at = excluded.checked_at, compared = CASE WHEN %(whole)s THEN excluded.compared ELSE i.compared END,
    whole_at = coalesce(excluded.whole_at, i.whole_at), offending = excluded.offending, sample = excluded.sample,
    details = excluded.details, remedy = excluded.remedy
    WHERE i.checked_at <= excluded.checked_at OR i.identity <> excluded.identity
