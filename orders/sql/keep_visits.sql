-- Keeps visits and spend in customer_restaurants right, whoever writes reservations and orders: what counts is defined by
-- the function customer_visits. The functions run with the rights of their owner and see a fixed schema, since not every
-- application that books has rights on customer_restaurants.
--
-- Locks: the links come last, after bookings, in the order of customer and restaurant; no customer is locked. Whoever
-- writes a link locked it in a statement before the one that reads the bookings, so that of two who book at once the
-- second counts both. In REPEATABLE READ the second gets a serialization error instead.

-- name: as_owner
-- How a function runs: with the rights of its owner, seeing this schema, each query planned once for any number of rows.
SECURITY DEFINER SET search_path = {{schema}}, pg_temp SET plan_cache_mode = force_generic_plan

-- name: keep
-- Brings the links of these customers to these restaurants (two arrays, read in pairs) into step with their bookings. One
-- whose last booking went goes, unless somebody wrote notes on it or marked it: then its figures are 0.
CREATE OR REPLACE FUNCTION customer_visits_keep(people integer[], places integer[]) RETURNS void
LANGUAGE plpgsql {{as_owner}} AS $$
BEGIN
    INSERT INTO customer_restaurants AS l (customer_id, restaurant_id)
    SELECT DISTINCT c.id, r.id
    FROM unnest(people, places) p (customer_id, restaurant_id)
        JOIN customers c ON c.id = p.customer_id AND c.id > 0 JOIN restaurants r ON r.id = p.restaurant_id
    ORDER BY 1, 2
    ON CONFLICT (customer_id, restaurant_id) DO UPDATE SET notes = l.notes WHERE false;  -- locks it

    WITH pairs AS (SELECT DISTINCT p.* FROM unnest(people, places) p (customer_id, restaurant_id)),
    facts AS (
        SELECT v.* FROM (SELECT DISTINCT p.customer_id FROM pairs p) p
            CROSS JOIN LATERAL customer_visits(p.customer_id, p.customer_id) v
    )
    UPDATE customer_restaurants l SET first_visit = f.first_visit, last_visit = f.last_visit,
        visit_count = f.visit_count, total_spent = f.total_spent, updated_at = now() AT TIME ZONE 'UTC'
    FROM (
        SELECT p.customer_id, p.restaurant_id, v.first_visit, v.last_visit, coalesce(v.visit_count, 0) AS visit_count,
            coalesce(v.total_spent, 0) AS total_spent
        FROM pairs p LEFT JOIN facts v USING (customer_id, restaurant_id)
    ) f
    WHERE l.customer_id = f.customer_id AND l.restaurant_id = f.restaurant_id
        AND (l.first_visit, l.last_visit, l.visit_count, l.total_spent)
            IS DISTINCT FROM (f.first_visit, f.last_visit, f.visit_count, f.total_spent);

    DELETE FROM customer_restaurants l
    USING (SELECT DISTINCT p.* FROM unnest(people, places) p (customer_id, restaurant_id)) p
    WHERE l.customer_id = p.customer_id AND l.restaurant_id = p.restaurant_id
        AND coalesce(l.notes, '') = '' AND NOT l.vip_status
        AND NOT EXISTS (SELECT FROM reservations r
            WHERE r.customer_id = l.customer_id AND r.restaurant_id = l.restaurant_id)
        AND NOT EXISTS (SELECT FROM orders o
            WHERE o.customer_id = l.customer_id AND o.restaurant_id = l.restaurant_id);
END
$$

-- name: again
-- Brings the links of the customers with ids from first_id to last_id into step where they are not; gives how many were not.
CREATE OR REPLACE FUNCTION customer_visits_again(first_id integer, last_id integer) RETURNS integer
LANGUAGE plpgsql {{as_owner}} AS $$
DECLARE
    people integer[]; places integer[];
BEGIN
    SELECT array_agg(customer_id), array_agg(restaurant_id) INTO people, places
    FROM (SELECT v.* FROM customer_visits(first_id, last_id) v JOIN customers c ON c.id = v.customer_id AND c.id > 0) v
        FULL JOIN (SELECT * FROM customer_restaurants WHERE customer_id BETWEEN first_id AND last_id AND customer_id > 0) l
            USING (customer_id, restaurant_id)
    WHERE l.id IS NULL OR (v.first_visit, v.last_visit, coalesce(v.visit_count, 0), coalesce(v.total_spent, 0))
        IS DISTINCT FROM (l.first_visit, l.last_visit, l.visit_count, l.total_spent);
    IF people IS NOT NULL THEN
        PERFORM customer_visits_keep(people, places);
    END IF;
    RETURN coalesce(cardinality(people), 0);
END
$$

-- name: new_bookings
-- The pairs of new rows that count, or are the customer's first at the restaurant.
SELECT array_agg(n.customer_id), array_agg(n.restaurant_id) INTO people, places FROM new_rows n
WHERE n.customer_id IS NOT NULL AND (n.status = 'COMPLETED' OR NOT EXISTS (
    SELECT FROM customer_restaurants l WHERE l.customer_id = n.customer_id AND l.restaurant_id = n.restaurant_id))

-- name: old_bookings
-- The pairs of rows that were deleted.
SELECT array_agg(o.customer_id), array_agg(o.restaurant_id) INTO people, places FROM old_rows o
WHERE o.customer_id IS NOT NULL

-- name: on_reservations
-- Follows reservations; of those that became a visit, or are none any more, also the orders tied to them.
CREATE OR REPLACE FUNCTION customer_visits_on_reservations() RETURNS trigger
LANGUAGE plpgsql {{as_owner}} AS $$
DECLARE
    people integer[]; places integer[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        {{new_bookings}};
    ELSIF TG_OP = 'DELETE' THEN
        {{old_bookings}};
    ELSE
        WITH changed AS MATERIALIZED (
            SELECT r.id, r.customer_id, r.restaurant_id, r.counts FROM (
                SELECT id, customer_id, restaurant_id, status = 'COMPLETED' AS counts,
                    CASE status WHEN 'COMPLETED' THEN reservation_date END AS visited_at FROM old_rows
                UNION ALL
                SELECT id, customer_id, restaurant_id, status = 'COMPLETED',
                    CASE status WHEN 'COMPLETED' THEN reservation_date END FROM new_rows
            ) r
            GROUP BY r.id, r.customer_id, r.restaurant_id, r.counts, r.visited_at HAVING count(*) = 1
        )
        SELECT array_agg(p.customer_id), array_agg(p.restaurant_id) INTO people, places FROM (
            SELECT c.customer_id, c.restaurant_id FROM changed c
            UNION
            SELECT o.customer_id, o.restaurant_id FROM orders o
            WHERE o.reservation_id = ANY (ARRAY(SELECT c.id FROM changed c WHERE c.counts))
        ) p
        WHERE p.customer_id IS NOT NULL;
    END IF;
    IF people IS NOT NULL THEN
        PERFORM customer_visits_keep(people, places);
    END IF;
    RETURN NULL;
END
$$

-- name: on_orders
-- Follows orders.
CREATE OR REPLACE FUNCTION customer_visits_on_orders() RETURNS trigger
LANGUAGE plpgsql {{as_owner}} AS $$
DECLARE
    people integer[]; places integer[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        {{new_bookings}};
    ELSIF TG_OP = 'DELETE' THEN
        {{old_bookings}};
    ELSE
        SELECT array_agg(c.customer_id), array_agg(c.restaurant_id) INTO people, places FROM (
            SELECT DISTINCT r.customer_id, r.restaurant_id FROM (
                SELECT id, customer_id, restaurant_id, status = 'COMPLETED' AS counts,
                    CASE status WHEN 'COMPLETED' THEN reservation_id END AS seated_by,
                    CASE status WHEN 'COMPLETED' THEN total_amount END AS spent,
                    CASE status WHEN 'COMPLETED' THEN created_at END AS visited_at FROM old_rows
                UNION ALL
                SELECT id, customer_id, restaurant_id, status = 'COMPLETED',
                    CASE status WHEN 'COMPLETED' THEN reservation_id END,
                    CASE status WHEN 'COMPLETED' THEN total_amount END,
                    CASE status WHEN 'COMPLETED' THEN created_at END FROM new_rows
            ) r
            GROUP BY r.id, r.customer_id, r.restaurant_id, r.counts, r.seated_by, r.spent, r.visited_at
            HAVING count(*) = 1
        ) c
        WHERE c.customer_id IS NOT NULL;
    END IF;
    IF people IS NOT NULL THEN
        PERFORM customer_visits_keep(people, places);
    END IF;
    RETURN NULL;
END
$$

-- name: triggers
-- Fires a function after every statement on a table, with the rows it wrote.
CREATE OR REPLACE TRIGGER customer_visits_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION customer_visits_on_{table}();
CREATE OR REPLACE TRIGGER customer_visits_update AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION customer_visits_on_{table}();
CREATE OR REPLACE TRIGGER customer_visits_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION customer_visits_on_{table}()

-- name: parts
-- Ranges of ids that hold so many customers each at most: whatever is brought into step again is so in short transactions.
SELECT min(id), max(id) FROM (
    SELECT id, (row_number() OVER (ORDER BY id) - 1) / 10000 AS part FROM customers WHERE id > 0
) c GROUP BY part ORDER BY 1
