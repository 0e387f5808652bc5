-- name: signed
-- Whether this database has our table of backups, as of the version that signs its rows.
EXISTS (SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('separation_backups') AND attname = 'signature' AND NOT attisdropped)

-- name: readable
-- Whether it has the table and this role may read it.
SELECT {{signed}} AND coalesce(has_table_privilege(to_regclass('separation_backups'), 'SELECT'), false)

-- name: writable
-- Whether it has the table and this role may write it here and now.
SELECT {{signed}}
    AND coalesce(has_table_privilege(to_regclass('separation_backups'), 'INSERT'), false)
    AND coalesce(has_table_privilege(to_regclass('separation_backups'), 'UPDATE'), false)
    AND NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean

-- name: columns
-- What makes up a record.
id, path, identity, taken_at, verified_at, tables, rows, bytes, manifest_sha256, checked_at, check_failed

-- name: rows
-- Every backup on record in the database, or so many of the newest, also those of the database it was copied from, each with
-- its signature.
SELECT {{columns}}, signature FROM separation_backups ORDER BY taken_at DESC LIMIT %(most)s

-- name: adopt
-- Writes one record, or brings what changes of it up to date.
INSERT INTO separation_backups ({{columns}}, signature)
VALUES (%(id)s, %(path)s, %(identity)s, %(taken_at)s, %(verified_at)s, %(tables)s, %(rows)s, %(bytes)s,
    %(manifest_sha256)s, %(checked_at)s, %(check_failed)s, %(signature)s)
ON CONFLICT (id) DO UPDATE SET path = excluded.path, identity = excluded.identity, taken_at = excluded.taken_at,
    verified_at = excluded.verified_at, tables = excluded.tables, rows = excluded.rows, bytes = excluded.bytes,
    manifest_sha256 = excluded.manifest_sha256, checked_at = excluded.checked_at, check_failed = excluded.check_failed,
    signature = excluded.signature

-- name: forget
-- Removes the record of a backup that is gone.
DELETE FROM separation_backups WHERE id = %(id)s
