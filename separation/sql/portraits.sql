-- What staff look at before they say whether two people are one: everything that tells people apart, a row for each.

-- name: people
-- Gives users with what is theirs, in the order of their ids; of who was merged already, their own.
SELECT u.id, u.name, u.email, u.phone, u.role::text, u.created_at::text, u.updated_at::text,
    EXISTS (SELECT FROM customers c WHERE c.id = u.id) AS moved, {{readable}} AS readable,
    (SELECT string_agg(concat(s.role, ' at ', r.name, CASE WHEN NOT s.is_active THEN ' (left)' END), ', ' ORDER BY s.id)
        FROM restaurant_staff s JOIN restaurants r ON r.id = s.restaurant_id WHERE s.user_id = u.id) AS works,
    (SELECT concat(count(*) FILTER (WHERE d.what = 'menu'), ' menus, ', count(*) FILTER (WHERE d.what = 'recipe'),
            ' recipes')
        FROM (SELECT 'menu' AS what FROM menus m WHERE m.user_id = u.id
            UNION ALL SELECT 'recipe' FROM recipes p WHERE p.user_id = u.id) d) AS wrote,
    b.reservations, b.last_booking::text, b.coming, o.orders, o.spent, k.places, to_jsonb(f)::text AS profile
FROM users u
    CROSS JOIN LATERAL (SELECT count(*) AS reservations, max(t.reservation_date) AS last_booking,
            count(*) FILTER (WHERE t.reservation_date >= date_trunc('day', now() AT TIME ZONE 'UTC')
                AND t.status::text = 'CONFIRMED') AS coming
        FROM reservations t WHERE t.user_id = u.id) b
    CROSS JOIN LATERAL (SELECT count(*) AS orders,
            coalesce(sum(t.total_amount) FILTER (WHERE t.status::text = 'COMPLETED'), 0) AS spent
        FROM orders t WHERE t.user_id = u.id) o
    CROSS JOIN LATERAL (SELECT string_agg(r.name, ', ' ORDER BY r.id) AS places FROM restaurants r
        WHERE EXISTS (SELECT FROM reservations t WHERE t.user_id = u.id AND t.restaurant_id = r.id)
            OR EXISTS (SELECT FROM orders t WHERE t.user_id = u.id AND t.restaurant_id = r.id)) k
    LEFT JOIN LATERAL (SELECT preferred_contact_method, dietary_restrictions, special_requests, vip_status, tags, notes,
            birthday, anniversary
        FROM customer_profiles p WHERE p.user_id = u.id OR p.customer_id = u.id ORDER BY p.id LIMIT 1) f ON true
WHERE u.id = ANY (%(ids)s::bigint[]) ORDER BY u.id

-- name: about
-- Names what a finding in separation_findings is about: a person, a booking by its guest, a menu or recipe; null once the row
-- is gone.
CASE separation_findings.table_name
    WHEN 'users' THEN (SELECT concat_ws(', ', nullif(btrim(u.name), ''), 'user ' || u.id)
        FROM users u WHERE u.id = separation_findings.row_id)
    WHEN 'reservations' THEN (SELECT concat(t.customer_name, ', ', t.reservation_date::date, ' ', t.reservation_time, ', ',
            r.name)
        FROM reservations t JOIN restaurants r ON r.id = t.restaurant_id WHERE t.id = separation_findings.row_id)
    WHEN 'orders' THEN (SELECT concat_ws(', ', t.order_number, nullif(t.customer_name, ''), r.name)
        FROM orders t JOIN restaurants r ON r.id = t.restaurant_id WHERE t.id = separation_findings.row_id)
    WHEN 'menus' THEN (SELECT concat('menu ', t.name) FROM menus t WHERE t.id = separation_findings.row_id)
    WHEN 'recipes' THEN (SELECT concat('recipe ', t.name) FROM recipes t WHERE t.id = separation_findings.row_id)
END
