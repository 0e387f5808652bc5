-- Notes what is changed of customers, whoever writes it: this application, another one through a trigger, or a person at
-- a prompt. Rows that are inserted or deleted are not noted, so that moving a million people costs nothing.

-- name: note
-- Notes which of the named columns a statement changed, with their values before and after; of a password, that it was.
-- Arguments: what the row is about, the column with the customer's id, and the columns. Who it was is what the writer
-- says in `customers.changed_by`, and always the role; indirect is what another table's trigger wrote.
CREATE OR REPLACE FUNCTION customer_changes_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp AS $$
DECLARE
    was jsonb := to_jsonb(OLD) || '{"password": null}';
    becomes jsonb := to_jsonb(NEW) || '{"password": null}';
    names text[];
BEGIN
    names := ARRAY(
        SELECT n.name FROM unnest(TG_ARGV) WITH ORDINALITY n (name, place)
        WHERE n.place > 2 AND (to_jsonb(OLD) -> n.name) IS DISTINCT FROM (to_jsonb(NEW) -> n.name));
    INSERT INTO customer_changes (customer_id, restaurant_id, about, changed_by, role, indirect, before, after)
    SELECT (becomes ->> TG_ARGV[1])::integer,
        CASE TG_ARGV[0] WHEN 'restaurant' THEN (becomes ->> 'restaurant_id')::integer END, TG_ARGV[0],
        left(coalesce(current_setting('customers.changed_by', true), ''), 60), session_user, pg_trigger_depth() > 1,
        jsonb_object_agg(n.name, was -> n.name), jsonb_object_agg(n.name, becomes -> n.name)
    FROM unnest(names) n (name)
    HAVING count(*) > 0;
    RETURN NULL;
END
$$

-- name: triggers
-- Fires it for the rows of a table in which one of those columns changes, unless whoever moves people in has said that
-- what is written now is no change.
CREATE OR REPLACE TRIGGER customer_changes AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (NEW.{person} > 0 AND current_setting('customers.noted', true) IS DISTINCT FROM 'off'
        AND ({old}) IS DISTINCT FROM ({new}))
    EXECUTE FUNCTION customer_changes_note({arguments})
