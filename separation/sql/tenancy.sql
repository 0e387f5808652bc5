-- What belongs to which restaurant; only reads.
--
-- Each check has a row for everything it looks at: `id`, and `ok`: true where the row belongs to the restaurant it claims,
-- false where it does not, null where nobody can tell, since a legacy menu or recipe says no restaurant.

-- name: dishes
-- Each item of a menu, with the restaurant of that menu; no row of its own is lost on the way there.
SELECT i.id, i.recipe_id, m.id AS menu_id, m.restaurant_id
FROM menu_items i LEFT JOIN menu_sections s ON s.id = i.section_id LEFT JOIN menus m ON m.id = s.menu_id

-- name: reservations_placed
-- Each reservation, with its restaurant.
SELECT t.id, r.id IS NOT NULL AS ok FROM reservations t LEFT JOIN restaurants r ON r.id = t.restaurant_id

-- name: orders_placed
-- Each order, with its restaurant.
SELECT t.id, r.id IS NOT NULL AS ok FROM orders t LEFT JOIN restaurants r ON r.id = t.restaurant_id

-- name: order_items_placed
-- Each line of an order, with the order and the dish it leads to.
SELECT t.id, o.id IS NOT NULL AND d.menu_id IS NOT NULL AS ok
FROM order_items t LEFT JOIN orders o ON o.id = t.order_id LEFT JOIN ({{dishes}}) d ON d.id = t.menu_item_id

-- name: menus_placed
-- Each menu, with its restaurant; null if it says none.
SELECT t.id, CASE WHEN t.restaurant_id IS NOT NULL THEN r.id IS NOT NULL END AS ok
FROM menus t LEFT JOIN restaurants r ON r.id = t.restaurant_id

-- name: recipes_placed
-- Each recipe, with its restaurant; null if it says none.
SELECT t.id, CASE WHEN t.restaurant_id IS NOT NULL THEN r.id IS NOT NULL END AS ok
FROM recipes t LEFT JOIN restaurants r ON r.id = t.restaurant_id

-- name: menu_items_placed
-- Each item of a menu, with the menu it leads to.
SELECT d.id, d.menu_id IS NOT NULL AS ok FROM ({{dishes}}) d

-- name: categories_placed
-- Each category of recipes, with its restaurant.
SELECT t.id, r.id IS NOT NULL AS ok FROM categories t LEFT JOIN restaurants r ON r.id = t.restaurant_id

-- name: staff_placed
-- Each staff link, with its person and its restaurant.
SELECT t.id, r.id IS NOT NULL AND u.id IS NOT NULL AS ok
FROM restaurant_staff t LEFT JOIN restaurants r ON r.id = t.restaurant_id LEFT JOIN users u ON u.id = t.user_id

-- name: customers_placed
-- Each customer's link, with the customer and the restaurant.
SELECT t.id, r.id IS NOT NULL AND c.id IS NOT NULL AS ok
FROM customer_restaurants t LEFT JOIN restaurants r ON r.id = t.restaurant_id LEFT JOIN customers c ON c.id = t.customer_id
WHERE t.customer_id > 0

-- name: policies_placed
-- Each restaurant's booking policy, and each of its days with other hours, with the restaurant.
SELECT concat('policy ', p.id) AS id, r.id IS NOT NULL AS ok
FROM booking_policies p LEFT JOIN restaurants r ON r.id = p.restaurant_id
UNION ALL
SELECT concat('exception ', e.id), r.id IS NOT NULL
FROM booking_exceptions e LEFT JOIN restaurants r ON r.id = e.restaurant_id

-- name: slots_placed
-- Each slot that bookings lock, with its restaurant.
SELECT concat('restaurant ', s.restaurant_id, ', ', s.day, ' ', s.minute) AS id, r.id IS NOT NULL AS ok
FROM booking_slots s LEFT JOIN restaurants r ON r.id = s.restaurant_id

-- name: terms_placed
-- Each booking's terms, with the booking.
SELECT t.reservation_id AS id, v.id IS NOT NULL AS ok
FROM booking_terms t LEFT JOIN reservations v ON v.id = t.reservation_id

-- name: orders_of_reservations
-- Each order of a reservation, with the restaurants of both.
SELECT o.id, r.restaurant_id = o.restaurant_id AS ok FROM orders o JOIN reservations r ON r.id = o.reservation_id

-- name: items_of_orders
-- Each line of an order, with the restaurants of the order and of the menu its dish is on.
SELECT t.id, d.restaurant_id = o.restaurant_id AS ok
FROM order_items t JOIN orders o ON o.id = t.order_id JOIN ({{dishes}}) d ON d.id = t.menu_item_id

-- name: dishes_of_menus
-- Each item of a menu that has a recipe, with the restaurants of both.
SELECT d.id, r.restaurant_id = d.restaurant_id AS ok FROM ({{dishes}}) d JOIN recipes r ON r.id = d.recipe_id

-- name: recipes_of_categories
-- Each recipe in a category, with the restaurants of both.
SELECT r.id, k.restaurant_id = r.restaurant_id AS ok FROM recipes r JOIN categories k ON k.id = r.category_id

-- name: parts_of_recipes
-- Each recipe that is part of another, with the restaurants of both.
SELECT t.id, part.restaurant_id = whole.restaurant_id AS ok
FROM recipe_ingredients t JOIN recipes whole ON whole.id = t.recipe_id JOIN recipes part ON part.id = t.sub_recipe_id

-- name: bookings_known
-- Each customer at each restaurant of a reservation or an order of theirs, with the link that says so.
SELECT concat('customer ', b.customer_id, ' at restaurant ', b.restaurant_id) AS id, l.id IS NOT NULL AS ok
FROM (
    SELECT customer_id, restaurant_id FROM reservations UNION SELECT customer_id, restaurant_id FROM orders
) b
    JOIN customers c ON c.id = b.customer_id AND c.id > 0
    LEFT JOIN customer_restaurants l ON l.customer_id = b.customer_id AND l.restaurant_id = b.restaurant_id

-- name: counts
-- Counts what belongs to each restaurant, and in a row of its own what says no restaurant.
SELECT r.id, r.name, coalesce(staff.n, 0), coalesce(customers.n, 0), coalesce(reservations.n, 0), coalesce(orders.n, 0),
    coalesce(items.n, 0), coalesce(menus.n, 0), coalesce(dishes.n, 0), coalesce(recipes.n, 0)
FROM (SELECT id, name FROM restaurants UNION ALL SELECT NULL, NULL) r
    LEFT JOIN (SELECT restaurant_id, count(*) AS n FROM restaurant_staff GROUP BY 1) staff
        ON staff.restaurant_id = r.id
    LEFT JOIN (SELECT restaurant_id, count(*) AS n FROM customer_restaurants WHERE customer_id > 0 GROUP BY 1) customers
        ON customers.restaurant_id = r.id
    LEFT JOIN (SELECT restaurant_id, count(*) AS n FROM reservations GROUP BY 1) reservations
        ON reservations.restaurant_id = r.id
    LEFT JOIN (SELECT restaurant_id, count(*) AS n FROM orders GROUP BY 1) orders ON orders.restaurant_id = r.id
    LEFT JOIN (SELECT o.restaurant_id, count(*) AS n FROM order_items t JOIN orders o ON o.id = t.order_id GROUP BY 1) items
        ON items.restaurant_id = r.id
    LEFT JOIN (SELECT coalesce(restaurant_id, 0) AS restaurant_id, count(*) AS n FROM menus GROUP BY 1) menus
        ON menus.restaurant_id = coalesce(r.id, 0)
    LEFT JOIN (SELECT coalesce(restaurant_id, 0) AS restaurant_id, count(*) AS n FROM ({{dishes}}) d GROUP BY 1) dishes
        ON dishes.restaurant_id = coalesce(r.id, 0)
    LEFT JOIN (SELECT coalesce(restaurant_id, 0) AS restaurant_id, count(*) AS n FROM recipes GROUP BY 1) recipes
        ON recipes.restaurant_id = coalesce(r.id, 0)
ORDER BY r.id NULLS LAST
