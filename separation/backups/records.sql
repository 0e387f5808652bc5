-- name: readable
-- Whether this database has our table of backups and this role may read it.
SELECT coalesce(has_table_privilege(to_regclass('separation_backups'), 'SELECT'), false)

-- name: writable
-- Whether it has the table and this role may write it here and now.
SELECT coalesce(has_table_privilege(to_regclass('separation_backups'), 'INSERT'), false)
    AND coalesce(has_table_privilege(to_regclass('separation_backups'), 'UPDATE'), false)
    AND NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean

-- name: rows
-- Every backup on record in the database, also those of the database it was copied from.
SELECT id, path, identity, taken_at, verified_at, tables, rows, bytes, manifest_sha256 FROM separation_backups

-- name: adopt
-- Writes one record, or brings what changes of it up to date.
INSERT INTO separation_backups (id, path, identity, taken_at, verified_at, tables, rows, bytes, manifest_sha256)
VALUES (%(id)s, %(path)s, %(identity)s, %(taken_at)s, %(verified_at)s, %(tables)s, %(rows)s, %(bytes)s, %(manifest_sha256)s)
ON CONFLICT (id) DO UPDATE SET path = excluded.path, verified_at = excluded.verified_at

-- name: forget
-- Removes the record of a backup that is gone.
DELETE FROM separation_backups WHERE id = %(id)s
