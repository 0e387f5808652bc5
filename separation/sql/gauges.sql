-- The figures of /metrics: what is cheap to count, on every scrape; no table of customers, reservations or orders is read.

-- name: figures
-- Gives each figure with its name, and the label it is told by.
SELECT 'phase' AS figure, p.name AS label, 1::float8 AS value FROM separation_phase p
UNION ALL
SELECT 'chunks', k.state, count(*) FROM separation_chunks k GROUP BY k.state
UNION ALL
SELECT 'pending', '', count(*) FROM separation_pending
UNION ALL
SELECT 'findings', f.kind, count(*) FROM separation_findings f WHERE f.state = 'open' GROUP BY f.kind
UNION ALL
SELECT 'runs', r.kind, count(*) FROM separation_runs r WHERE r.state = 'running' GROUP BY r.kind
