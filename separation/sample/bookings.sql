-- What customers did: two years of reservations and orders, and a month to come.

-- name: functions
-- Who made reservation r, at which restaurant: the customers there are by then, mostly at the place they like best.
CREATE FUNCTION pg_temp.guest(r bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT 1 + pg_temp.pick(r, 201, greatest(1, (pg_temp.customers() + r) / 4))';
CREATE FUNCTION pg_temp.restaurant(r bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT 1 + CASE WHEN pg_temp.pick(r, 202, 4) = 0 THEN pg_temp.pick(r, 203, pg_temp.restaurants())
            ELSE pg_temp.pick(pg_temp.guest(r), 204, pg_temp.restaurants()) END';
-- One in twenty is booked by a manager or waiter on the phone.
CREATE FUNCTION pg_temp.phoned(r bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT pg_temp.pick(r, 205, 20) = 0';
-- The day of order o that follows reservation r: nobody orders ahead, so a later one is of these three weeks.
CREATE FUNCTION pg_temp.order_day(o bigint, reserved timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN reserved < pg_temp.today() THEN reserved ELSE pg_temp.today() - pg_temp.pick(o, 206, 20)::int END';

-- name: reservations
-- Three for each customer; past ones are over, those to come are confirmed.
INSERT INTO reservations (id, customer_name, customer_phone, customer_email, restaurant_id, party_size, reservation_date,
                          reservation_time, status, notes, special_requests, duration_minutes, source, table_ids,
                          confirmation_sent, reminder_sent, actual_arrival_time, actual_departure_time, guest_notes,
                          created_at, updated_at, user_id)
SELECT r, u.name, u.phone, u.email, pg_temp.restaurant(r), party, day, to_char(minute * interval '1 minute', 'HH24:MI'),
       status::"ReservationStatus", CASE pg_temp.pick(r, 211, 25) WHEN 0 THEN 'Window table' WHEN 1 THEN 'Regular guest' END,
       CASE pg_temp.pick(r, 212, 20) WHEN 0 THEN 'Nut allergy' WHEN 1 THEN 'High chair, please' WHEN 2 THEN 'Birthday' END,
       CASE WHEN party > 5 THEN 120 ELSE 90 END,
       CASE WHEN phoned THEN 'phone' WHEN pg_temp.pick(r, 213, 4) = 0 THEN 'app' ELSE 'website' END,
       CASE WHEN party > 5 THEN ARRAY[table_id, table_id + 1] WHEN table_id % 6 = 0 THEN '{}' ELSE ARRAY[table_id] END,
       NOT phoned, NOT phoned AND past, arrival, arrival + interval '1 minute' * (60 + pg_temp.pick(r, 214, 75)),
       CASE WHEN arrival IS NOT NULL AND pg_temp.pick(r, 215, 40) = 0 THEN 'Loved the terrace' END,
       booked, CASE WHEN arrival IS NOT NULL THEN arrival ELSE booked END,
       CASE WHEN phoned THEN pg_temp.staff_id(pg_temp.restaurant(r), 1 + pg_temp.pick(r, 216, pg_temp.ranks() - 1)) ELSE u.id END
FROM generate_series(1, 3 * pg_temp.customers()) r
     CROSS JOIN LATERAL (
         SELECT pg_temp.phoned(r), 1 + least(pg_temp.pick(r, 217, 8), pg_temp.pick(r, 218, 8)),
                (pg_temp.today() - 700 + (r * 730 / (3 * pg_temp.customers()))::int)::timestamp,
                720 + 30 * (pg_temp.pick(r, 219, 5) + 9 * least(1, pg_temp.pick(r, 220, 4)) + pg_temp.pick(r, 221, 4)),
                1 + pg_temp.pick(r, 222, 24)::int
         ) AS asked (phoned, party, day, minute, table_id)
     CROSS JOIN LATERAL (SELECT day < pg_temp.today(), pg_temp.pick(r, 223, 100)) AS turned (past, chance)
     CROSS JOIN LATERAL (
         SELECT CASE WHEN NOT past THEN CASE WHEN chance < 6 THEN 'CANCELLED' ELSE 'CONFIRMED' END
                     WHEN chance < 8 THEN 'CANCELLED' WHEN chance < 13 THEN 'NO_SHOW' ELSE 'COMPLETED' END) AS ended (status)
     CROSS JOIN LATERAL (
         SELECT CASE WHEN status = 'COMPLETED' AND chance % 2 = 0
                     THEN day + interval '1 minute' * (minute + pg_temp.pick(r, 224, 20) - 5) END,
                least(day - interval '1 second' * pg_temp.pick(r, 225, 1209600),
                      pg_temp.today() - interval '1 second' * pg_temp.pick(r, 226, 86400))) AS moments (arrival, booked)
     JOIN users u ON u.id = pg_temp.customer_id(pg_temp.guest(r))
ORDER BY r;
ANALYZE reservations;

-- name: order_items
-- One to three dishes for each order of the restaurant's menu, at its price.
INSERT INTO order_items (id, order_id, menu_item_id, quantity, price, modifiers, status, notes, created_at, updated_at)
SELECT row_number() OVER (ORDER BY o, line), o, c.item_id, 1 + least(pg_temp.pick(3 * o + line, 231, 4), pg_temp.pick(3 * o + line, 232, 4)),
       c.price, CASE pg_temp.pick(3 * o + line, 233, 12) WHEN 0 THEN '{"extra": ["parmesan"],  "without": []}'::json
                                                      WHEN 1 THEN '["no onions"]' END,
       CASE WHEN day < pg_temp.today() THEN 'SERVED'
            ELSE (ARRAY['PENDING', 'PREPARING', 'READY'])[1 + pg_temp.pick(o, 243, 3)] END::"OrderItemStatus",
       CASE pg_temp.pick(3 * o + line, 234, 30) WHEN 0 THEN 'Well done' END, day, day
FROM generate_series(1, 2 * pg_temp.customers()) o
     CROSS JOIN LATERAL generate_series(1, 1 + pg_temp.pick(o, 235, 3)) line
     JOIN reservations r ON r.id = (o * 3 + 1) / 2
     JOIN sample_choices c ON c.item_id = (r.restaurant_id - 1) * 16 + 1 + pg_temp.pick(3 * o + line, 236, 16),
     LATERAL (SELECT pg_temp.order_day(o, r.reservation_date)) AS times (day);

-- name: orders
-- Two for each customer: most at the table of a reservation that took place, the rest taken out or delivered.
INSERT INTO orders (id, order_number, reservation_id, restaurant_id, customer_name, status, order_type, notes, total_amount,
                    created_at, updated_at, user_id)
SELECT o, 'ORD-' || lpad(o::text, 8, '0'), CASE WHEN seated THEN r.id END, r.restaurant_id,
       CASE WHEN pg_temp.pick(o, 241, 9) > 0 THEN r.customer_name END,
       CASE WHEN day < pg_temp.today() THEN CASE WHEN NOT seated AND pg_temp.pick(o, 242, 10) = 0 THEN 'CANCELLED' ELSE 'COMPLETED' END
            ELSE (ARRAY['NEW', 'IN_PROGRESS', 'READY'])[1 + pg_temp.pick(o, 243, 3)] END::"OrderStatus",
       CASE WHEN seated THEN 'DINE_IN' WHEN pg_temp.pick(o, 244, 3) = 0 THEN 'DELIVERY' ELSE 'TAKEOUT' END::"OrderType",
       CASE pg_temp.pick(o, 245, 30) WHEN 0 THEN 'Paid in cash' END,
       coalesce(i.total, CASE WHEN NOT EXISTS (SELECT FROM order_items) THEN (1200 + pg_temp.pick(o, 246, 9000)) / 100.0 END),
       day + interval '1 minute' * (730 + pg_temp.pick(o, 247, 600)), day + interval '1 minute' * (1340 + pg_temp.pick(o, 248, 90)),
       r.user_id
FROM generate_series(1, 2 * pg_temp.customers()) o
     JOIN reservations r ON r.id = (o * 3 + 1) / 2
     LEFT JOIN (SELECT order_id, sum(quantity * price) AS total FROM order_items GROUP BY order_id) i ON i.order_id = o
     CROSS JOIN LATERAL (SELECT r.status = 'COMPLETED' AND pg_temp.pick(o, 249, 10) < 7,
                                pg_temp.order_day(o, r.reservation_date)) AS kept (seated, day)
ORDER BY o;
