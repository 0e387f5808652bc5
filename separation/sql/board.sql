-- What the board of the admin shows: read from records alone. Nothing here grows with the customers, and what might is
-- counted up to %(most)s and no further.

-- name: findings
-- Gives, of each of these kinds, how many findings are open by age, and since when the oldest is; by the index alone.
SELECT k.kind, a.today, a.week, a.month, a.older,
    (SELECT min(f.created_at) FROM separation_findings f WHERE f.kind = k.kind AND f.state = 'open') AS oldest
FROM unnest(%(kinds)s::text[]) k (kind) CROSS JOIN LATERAL (
    SELECT
        (SELECT count(*) FROM (SELECT FROM separation_findings f WHERE f.kind = k.kind AND f.state = 'open'
            AND f.created_at > now() - interval '1 day' LIMIT %(most)s) q) AS today,
        (SELECT count(*) FROM (SELECT FROM separation_findings f WHERE f.kind = k.kind AND f.state = 'open'
            AND f.created_at <= now() - interval '1 day' AND f.created_at > now() - interval '7 days'
            LIMIT %(most)s) q) AS week,
        (SELECT count(*) FROM (SELECT FROM separation_findings f WHERE f.kind = k.kind AND f.state = 'open'
            AND f.created_at <= now() - interval '7 days' AND f.created_at > now() - interval '30 days'
            LIMIT %(most)s) q) AS month,
        (SELECT count(*) FROM (SELECT FROM separation_findings f WHERE f.kind = k.kind AND f.state = 'open'
            AND f.created_at <= now() - interval '30 days' LIMIT %(most)s) q) AS older
) a

-- name: moved
-- Gives how many customers the chunks had moved, at 48 moments at most: a chunk is a row, of thousands of customers.
WITH moved AS (
    SELECT k.moved_at, coalesce((k.counts ->> 'customers')::bigint, 0) AS customers FROM separation_chunks k
    WHERE k.moved_at IS NOT NULL AND k.state IN ('moved', 'linked')
),
span AS (
    SELECT min(m.moved_at) AS first, greatest(interval '1 s', (max(m.moved_at) - min(m.moved_at)) / 47) AS step
    FROM moved m
)
SELECT max(m.moved_at) AS at,
    sum(sum(m.customers)) OVER (ORDER BY date_bin(s.step, m.moved_at, s.first)) AS customers
FROM moved m CROSS JOIN span s GROUP BY s.step, s.first, date_bin(s.step, m.moved_at, s.first)
ORDER BY 1

-- name: verified
-- Gives when this database was last verified, what was found broken, and when nothing was.
SELECT (SELECT l.looked_at FROM separation_looks l WHERE l.identity = %(identity)s ORDER BY l.id DESC LIMIT 1) AS at,
    (SELECT l.failures FROM separation_looks l WHERE l.identity = %(identity)s ORDER BY l.id DESC LIMIT 1) AS failures,
    (SELECT l.looked_at FROM separation_looks l WHERE l.identity = %(identity)s AND l.failures = '{}'
        ORDER BY l.id DESC LIMIT 1) AS clean_at

-- name: asked
-- Gives the verification that was asked for last, and whether it is at work, or about to be.
SELECT v.id, v.asked_by, v.asked_at, v.since, v.finished_at, v.verdict, v.ok, ({{at_work}}) AS at_work
FROM separation_verifications v ORDER BY v.id DESC LIMIT 1

-- name: everything
-- Gives all of that in one row, with the phase, the mirror's queue, how far a run is, and the readings of the last hours and of now.
SELECT now() AS now,
    (SELECT to_jsonb(p) FROM separation_phase p WHERE p.id = 1) AS phase,
    (SELECT count(*) FROM (SELECT FROM separation_pending LIMIT %(most)s) q) AS queued,
    (SELECT coalesce(jsonb_object_agg(k.state, k.chunks), '{}')
        FROM (SELECT state, count(*) AS chunks FROM separation_chunks GROUP BY state) k) AS chunks,
    (SELECT jsonb_build_array(p.examined, p.rate) FROM ({{pace}}) p (examined, rate)) AS pace,
    (SELECT to_jsonb(v) FROM ({{verified}}) v) AS verified,
    (SELECT to_jsonb(a) FROM ({{asked}}) a) AS asked,
    (SELECT jsonb_agg(f) FROM ({{findings}}) f) AS findings,
    (SELECT coalesce(jsonb_agg(m ORDER BY m.at), '[]') FROM ({{moved}}) m) AS moved,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(s.taken_at, s.readings) ORDER BY s.hour), '[]')
        FROM separation_samples s
        WHERE s.identity = %(identity)s AND s.hour > now() - interval '3 days') AS samples,
    ({{readings}}) AS readings
