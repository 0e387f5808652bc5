-- Parking the rows that an earlier attempt left in customers: at negative ids, until the separation is taken away.

-- name: negate
-- Turns every id of customers round: 7 becomes -7, and -7 becomes 7; what references it follows.
UPDATE customers SET id = -id

-- name: keys
-- Makes our own key, which parked rows never meet, and the index by which they are found.
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email)) WHERE id > 0;
CREATE INDEX customers_parked_email_idx ON customers ((lower(btrim(email, E' \t\n\r\f\x0b')))) WHERE id < 0

-- name: drop_keys
-- Drops what `keys` made.
DROP INDEX IF EXISTS customers_parked_email_idx, customers_email_key

-- name: keys_without_index
-- Gives each key to customers whose column is not the first of an index: its table and column.
SELECT k.conrelid::regclass::text, quote_ident(a.attname)
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
WHERE k.contype = 'f' AND k.confrelid = 'customers'::regclass AND k.conparentid = 0
    AND NOT EXISTS (SELECT FROM pg_index i
        WHERE i.indrelid = k.conrelid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid)
ORDER BY 1, 2

-- name: has_parked
-- Tells whether any row is parked.
SELECT coalesce((SELECT min(id) FROM customers) < 0, false)
