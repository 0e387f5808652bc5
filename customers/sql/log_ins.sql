-- Log-ins of customers.

-- name: note
-- Notes when a customer logs in, if they are active, and their password is still the one that was checked.
UPDATE customers SET last_login = %(now)s AT TIME ZONE 'UTC'
WHERE id = %(id)s AND id > 0 AND password = %(password)s AND is_active AND anonymized_at IS NULL
