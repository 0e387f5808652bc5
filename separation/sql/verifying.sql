-- Verifications that were asked for in the admin.

-- name: at_work
-- Whether a session of the verification `v` lives, or may not have begun yet: a process takes its time to connect.
v.asked_at > now() - interval '1 minute' OR EXISTS (
    SELECT FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.application_name = 'separation verification ' || v.id)

-- name: close_lost
-- Closes the one whose process died.
UPDATE separation_verifications v SET finished_at = now(), verdict = 'Its process ended without a word.'
WHERE v.finished_at IS NULL AND NOT ({{at_work}})

-- name: ask
-- Puts one on record, unless another is under way; gives its number.
INSERT INTO separation_verifications (asked_by, since) VALUES (%(by)s, %(since)s) ON CONFLICT DO NOTHING RETURNING id

-- name: conclude
-- Writes down what one came to, once.
UPDATE separation_verifications SET finished_at = now(), verdict = %(verdict)s, ok = %(ok)s
WHERE id = %(id)s AND finished_at IS NULL
