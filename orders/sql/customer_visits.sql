-- What counts as a visit and as spent: defined here, once.

-- name: customer_visits
-- Gives visits and spend of the customers with ids from first_id to last_id, a row for each restaurant they reserved or
-- ordered at: a visit is a completed reservation, or a completed order not tied to one; spent is what completed orders
-- cost. Plain SQL, so that PostgreSQL inlines it into the calling query.
CREATE OR REPLACE FUNCTION customer_visits(first_id integer, last_id integer)
RETURNS TABLE (
    customer_id integer, restaurant_id integer, first_visit timestamp(3), last_visit timestamp(3),
    visit_count integer, total_spent numeric(12,2)
)
LANGUAGE sql STABLE AS $$
    SELECT e.customer_id, e.restaurant_id,
        min(e.visited_at), max(e.visited_at), count(e.visited_at)::integer, coalesce(sum(e.spent), 0)::numeric(12,2)
    FROM (
        SELECT r.customer_id, r.restaurant_id,
            CASE WHEN r.status = 'COMPLETED' THEN r.reservation_date END AS visited_at, NULL::numeric AS spent
        FROM reservations r WHERE r.customer_id BETWEEN first_id AND last_id
        UNION ALL
        SELECT o.customer_id, o.restaurant_id,
            CASE WHEN o.status = 'COMPLETED' AND v.status IS DISTINCT FROM 'COMPLETED' THEN o.created_at END,
            CASE WHEN o.status = 'COMPLETED' THEN o.total_amount END
        FROM orders o LEFT JOIN reservations v ON v.id = o.reservation_id
        WHERE o.customer_id BETWEEN first_id AND last_id
    ) e
    GROUP BY e.customer_id, e.restaurant_id
$$;
