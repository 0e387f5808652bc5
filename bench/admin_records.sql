-- What years of the separation leave on record.

-- name: records
-- Runs with their chunks, a finding of every tenth customer, verifications of three months, readings of three days.
UPDATE separation_phase SET name = 'dual', closed = false;
INSERT INTO separation_runs (kind, state, started_at, finished_at, operator, database, total, counts, baseline, error,
    log_path)
SELECT 'execute', 'done', now() - i * interval '1 day', now() - i * interval '1 day' + interval '1 hour',
    'somebody@somewhere pid 1', 'bench', 1000, '{"customers": 1000}', '{}', '', ''
FROM generate_series(1, 100) i;
INSERT INTO separation_chunks (run_id, first_id, last_id, state, counts, written, milliseconds, moved_at, error)
SELECT 1 + i %% 100, i * 1000 + 1, i * 1000 + 1000, 'linked', '{"customers": 1000, "examined": 1000}', '{}', 500,
    now() - i * interval '1 minute', ''
FROM generate_series(0, greatest(1, %(customers)s / 1000)) i;
INSERT INTO separation_findings (kind, table_name, row_id, created_at)
SELECT (ARRAY['needs_password_reset', 'duplicate_email', 'orphan', 'invalid_email'])[1 + i %% 4], 'users', i,
    now() - i %% 60 * interval '1 day'
FROM generate_series(1, greatest(1, %(customers)s / 10)) i;
INSERT INTO separation_looks (looked_at, identity, failures, told, xid, extents)
SELECT now() - i * interval '5 minutes', %(identity)s, '{}', '{}', '1', '{}' FROM generate_series(26000, 1, -1) i;
INSERT INTO separation_invariants
SELECT 'invariant_' || i, %(identity)s, i, 'What it guarantees, in a sentence.', 'pass', '1,000,000 customers compared',
    now(), 1000000, now(), 0, '[]', '[]', ''
FROM generate_series(1, 60) i;
INSERT INTO separation_samples
SELECT date_trunc('hour', now()) - i * interval '1 hour', %(identity)s, now() - i * interval '1 hour',
    jsonb_build_object('mirrored', 100000 - i * 100, 'mirrored_back', 9000 - i * 10, 'logins', 5000 - i)
FROM generate_series(1, 72) i;
INSERT INTO separation_backups (id, path, identity, taken_at, tables, rows, bytes, manifest_sha256)
SELECT 'backup-' || i, '/nowhere', %(identity)s, now() - i * interval '1 day', 30, 1, 1, 'x'
FROM generate_series(1, 100) i
