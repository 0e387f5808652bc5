-- Which customers a run moved, as the ledger of chunks has it: for lists of a million of them.

-- name: moved
-- The ids that moved chunks cover; some thousands of chunks, read once for a query.
SELECT coalesce(range_agg(int4range(k.first_id, k.last_id, '[]')), '{}') AS ids
FROM separation_chunks k WHERE k.state IN ('moved', 'linked')

-- name: was_moved
-- True of customers whom a moved chunk covers.
customers.id <@ ({{moved}})

-- name: registered
-- Gives the customers whom no moved chunk covers, by looking into the gaps between chunks alone.
SELECT c.id
FROM ({{moved}}) m
    CROSS JOIN LATERAL unnest(int4multirange(int4range(1, NULL)) - m.ids) AS gap (ids)
    CROSS JOIN LATERAL (
        SELECT c.id FROM customers c
        WHERE c.id >= lower(gap.ids) AND c.id < coalesce(upper(gap.ids)::bigint, 2147483648) OFFSET 0
    ) c
