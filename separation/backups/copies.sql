-- What a restored database must not go on doing while the one it is a copy of lives. Run in the restore's transaction.

-- name: bypass
-- Lets the writes of this transaction pass the mirror's triggers: a copy in any phase can be closed.
SELECT set_config('separation.bypass', 'on', true)

-- name: ours
-- Whether the tables of customers' and of staff's log-ins, and of mails, are there, in our form; an earlier attempt had
-- another one of the first.
SELECT (SELECT count(*) = 2 FROM pg_attribute
        WHERE attrelid = to_regclass('customer_sessions') AND attname IN ('revoked_at', 'revoked_reason')),
    to_regclass('django_session') IS NOT NULL,
    to_regclass('staff_sessions') IS NOT NULL,
    to_regclass('post_office_email') IS NOT NULL AND to_regclass('post_office_log') IS NOT NULL

-- name: end_customers_sessions
-- Revokes every log-in of a customer; the rows stay.
UPDATE customer_sessions SET revoked_at = now() AT TIME ZONE 'UTC', revoked_reason = 'restored copy'
WHERE revoked_at IS NULL

-- name: end_staff_sessions
-- Logs everybody out of the admin.
DELETE FROM django_session

-- name: end_staff_tokens
-- Revokes every log-in of staff to the API; the rows stay.
UPDATE staff_sessions SET revoked_at = now() AT TIME ZONE 'UTC', revoked_reason = 'restored copy' WHERE revoked_at IS NULL

-- name: cancel_mails
-- Gives up the mails that are still to be sent, with what they say, and says why on each; counts them.
WITH cancelled AS (
    UPDATE post_office_email SET status = 1, last_updated = now(), message = '', html_message = '', context = NULL
    WHERE status IN (2, 3) RETURNING id)
INSERT INTO post_office_log (email_id, date, status, exception_type, message)
SELECT id, now(), 1, 'Cancelled', 'It was queued when the backup was taken that this database was restored from.'
FROM cancelled
