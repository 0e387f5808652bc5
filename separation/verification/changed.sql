-- What was written since an earlier verification: every row says by which transaction, whoever wrote it and however. What
-- was deleted says nothing any more; a table that lost rows is told by its count.

-- name: seen
-- Gives the transaction before which everything was over when this snapshot was taken, and how far back it is from now.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text,
    pg_snapshot_xmin(pg_current_snapshot())::text::numeric - %(xid)s::numeric

-- name: fresh
-- Whether a row was written by a transaction that was not over then; never, and without looking, if there is none.
%(xid)s::text IS NOT NULL AND age(t.xmin) <= (SELECT age(%(xid)s::xid8::xid))

-- name: chunks
-- Whether the ledger was written: then a run was at work, and everybody may be concerned.
SELECT EXISTS (SELECT FROM separation_chunks t WHERE {{fresh}})

-- name: people
-- Gives the ids of all concerned: written themselves, or by what is theirs, or merged with one of these; staff left out.
WITH concerned AS (
    SELECT t.id FROM users t WHERE {{fresh}}
    UNION SELECT t.id FROM customers t WHERE {{fresh}}
    UNION SELECT unnest(ARRAY[t.user_id, t.customer_id]) FROM reservations t WHERE {{fresh}}
    UNION SELECT unnest(ARRAY[t.user_id, t.customer_id]) FROM orders t WHERE {{fresh}}
    UNION SELECT unnest(ARRAY[o.user_id, o.customer_id]) FROM reservations t JOIN orders o ON o.reservation_id = t.id
        WHERE {{fresh}}
    UNION SELECT unnest(ARRAY[t.user_id, t.customer_id]) FROM customer_profiles t WHERE {{fresh}}
    UNION SELECT t.customer_id FROM customer_restaurants t WHERE {{fresh}}
    UNION SELECT t.user_id FROM restaurant_staff t WHERE {{fresh}}
    UNION SELECT t.user_id FROM recipes t WHERE {{fresh}}
    UNION SELECT t.user_id FROM menus t WHERE {{fresh}}
    UNION SELECT t.row_id::integer FROM separation_findings t WHERE t.table_name = 'users' AND {{fresh}}
    UNION SELECT unnest(ARRAY[t.user_id, t.customer_id]) FROM separation_merges t WHERE {{fresh}}
)
SELECT coalesce(array_agg(p.id), '{}') FROM (
    SELECT id FROM concerned
    UNION SELECT m.customer_id FROM separation_merges m JOIN concerned c ON c.id = m.user_id
    UNION SELECT m.user_id FROM separation_merges m JOIN concerned c ON c.id = m.customer_id
) p
WHERE p.id > 0 AND NOT EXISTS (
    SELECT FROM users u WHERE u.id = p.id AND NOT u.is_customer
        AND NOT EXISTS (SELECT FROM customers c WHERE c.id = u.id))

-- name: orders
-- Gives the ids of the orders written since, or of people concerned, or of a reservation written since.
SELECT coalesce(array_agg(o.id), '{}') FROM (
    SELECT t.id FROM orders t WHERE {{fresh}}
    UNION SELECT id FROM orders WHERE user_id = ANY (%(people)s)
    UNION SELECT id FROM orders WHERE customer_id = ANY (%(people)s)
    UNION SELECT o.id FROM reservations t JOIN orders o ON o.reservation_id = t.id WHERE {{fresh}}
) o

-- name: reservations
-- Gives the ids of the reservations written since, or of people concerned, or that one of the orders belongs to.
SELECT coalesce(array_agg(r.id), '{}') FROM (
    SELECT t.id FROM reservations t WHERE {{fresh}}
    UNION SELECT id FROM reservations WHERE user_id = ANY (%(people)s)
    UNION SELECT id FROM reservations WHERE customer_id = ANY (%(people)s)
    UNION SELECT reservation_id FROM orders WHERE id = ANY (%(orders)s) AND reservation_id IS NOT NULL
) r

-- name: around
-- Gives the ids of everybody whom the people concerned, and these rows, have to do with.
SELECT coalesce(array_agg(p.id), '{}') FROM (
    SELECT unnest(%(people)s::integer[]) AS id
    UNION SELECT unnest(ARRAY[user_id, customer_id]) FROM reservations WHERE id = ANY (%(reservations)s)
    UNION SELECT unnest(ARRAY[user_id, customer_id]) FROM orders WHERE id = ANY (%(orders)s)
    UNION SELECT unnest(ARRAY[user_id, customer_id]) FROM customer_profiles
        WHERE user_id = ANY (%(people)s) OR customer_id = ANY (%(people)s)
    UNION SELECT m.customer_id FROM separation_merges m JOIN reservations r ON r.user_id = m.user_id
        WHERE r.id = ANY (%(reservations)s)
    UNION SELECT m.customer_id FROM separation_merges m JOIN orders o ON o.user_id = m.user_id
        WHERE o.id = ANY (%(orders)s)
    UNION SELECT customer_id FROM separation_undo WHERE table_name = 'reservations' AND row_id = ANY (%(reservations)s)
    UNION SELECT customer_id FROM separation_undo WHERE table_name = 'orders' AND row_id = ANY (%(orders)s)
) p WHERE p.id IS NOT NULL

-- name: narrow
-- Makes a relation of invariants.sql see, under the tables' own names, what has to do with what was written, and no more.
WITH users AS (SELECT * FROM users WHERE id = ANY (%(around)s)),
customers AS (SELECT * FROM customers WHERE id = ANY (%(around)s)),
reservations AS (SELECT * FROM reservations WHERE id = ANY (%(reservations)s)),
orders AS (SELECT * FROM orders WHERE id = ANY (%(orders)s)),
customer_profiles AS (
    SELECT * FROM customer_profiles WHERE user_id = ANY (%(people)s) OR customer_id = ANY (%(people)s)),
customer_restaurants AS (SELECT * FROM customer_restaurants WHERE customer_id = ANY (%(people)s))

-- name: same_email
-- Makes a relation see the people concerned, and whoever has one of their emails.
WITH customers AS (
    SELECT * FROM customers WHERE lower(email) IN (SELECT lower(email) FROM customers WHERE id = ANY (%(people)s)))
