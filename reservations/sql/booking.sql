-- What the ORM cannot say of booking: what is locked, and what guards the log.

-- name: make_slots
-- Makes the rows of booking_slots that are to be locked and are not there, in one order for whoever makes any of them.
INSERT INTO booking_slots (restaurant_id, day, minute)
SELECT %(restaurant)s, s.day, s.minute
FROM unnest(%(days)s::date[], %(minutes)s::smallint[]) AS s (day, minute)
ORDER BY s.day, s.minute
ON CONFLICT DO NOTHING

-- name: lock_slots
-- Locks those rows until the end of the transaction, in the same order.
SELECT b.minute FROM booking_slots b
    JOIN unnest(%(days)s::date[], %(minutes)s::smallint[]) AS s (day, minute) USING (day, minute)
WHERE b.restaurant_id = %(restaurant)s
ORDER BY b.day, b.minute
FOR UPDATE OF b

-- name: forget_slots
-- Deletes the rows of days that are over everywhere, but those that somebody holds.
DELETE FROM booking_slots b USING (
    SELECT s.restaurant_id, s.day, s.minute FROM booking_slots s
    WHERE s.day < %(before)s FOR UPDATE SKIP LOCKED
) AS over
WHERE (b.restaurant_id, b.day, b.minute) = (over.restaurant_id, over.day, over.minute)

-- name: forget_persons
-- Empties what the log says of the person behind these bookings; what was done and when stays.
UPDATE booking_logs l SET before = l.before || blank.of_before, after = l.after || blank.of_after
FROM (
    SELECT g.id,
        coalesce(jsonb_object_agg(k.key, NULL) FILTER (WHERE g.before ? k.key), '{}') AS of_before,
        coalesce(jsonb_object_agg(k.key, NULL) FILTER (WHERE g.after ? k.key), '{}') AS of_after
    FROM booking_logs g, unnest(%(personal)s::text[]) AS k (key)
    WHERE g.reservation_id = ANY (%(reservations)s::integer[])
    GROUP BY g.id
) AS blank
WHERE l.id = blank.id

-- name: allow_forgetting
-- Lets this transaction alone change what is in the log.
SELECT set_config('reservations.forgets', 'on', true)

-- name: guard_logs
-- Refuses whatever changes the log but adding to it, unless the transaction says that it forgets somebody.
CREATE OR REPLACE FUNCTION booking_logs_are_added_to() RETURNS trigger LANGUAGE plpgsql AS $guard$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', TABLE = TG_TABLE_NAME,
        MESSAGE = 'The log of bookings is only ever added to.';
END
$guard$;
CREATE OR REPLACE TRIGGER booking_logs_guard BEFORE UPDATE OR DELETE ON booking_logs FOR EACH ROW
    WHEN (current_setting('reservations.forgets', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION booking_logs_are_added_to();

-- name: unguard_logs
-- Takes that away.
DROP TRIGGER IF EXISTS booking_logs_guard ON booking_logs;
DROP FUNCTION IF EXISTS booking_logs_are_added_to();
