-- Finding a customer by any part of what staff have in hand, on any PostgreSQL, without an extension: an inverted index
-- over every three characters in a row of a customer's names, address and phone number.

-- name: text
-- What of a customer is searched: names, address and the phone's digits, in lower case. Two blanks begin each, and each
-- word of a name, so that what begins with one or two letters is found, too. Inlined by the planner.
CREATE OR REPLACE FUNCTION customer_search_text(first_name text, last_name text, email text, phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(
        '  ' || replace(left(coalesce(first_name, ''), 100), ' ', '  ')
        || '  ' || replace(left(coalesce(last_name, ''), 100), ' ', '  ')
        || '  ' || left(coalesce(email, ''), 254)
        || '  ' || left(regexp_replace(coalesce(phone, ''), '\D', '', 'g'), 30)
    )
$$

-- name: keys
-- Gives every three characters in a row of a text.
CREATE OR REPLACE FUNCTION customer_search_keys(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    keys text[] := '{}';
BEGIN
    FOR at IN 1..length(words) - 2 LOOP
        keys[at] := substr(words, at, 3);
    END LOOP;
    RETURN keys;
END
$$

-- name: rarest
-- Gives how many of all customers have the rarest key of these words, as a share, by the last ANALYZE: 0 for a key that is not
-- among the most common, and where this role may not look at the statistics.
SELECT coalesce(min(coalesce(s.share, 0)), 0)
FROM unnest(%(words)s::text[]) w CROSS JOIN LATERAL unnest(customer_search_keys(lower(w))) k
    LEFT JOIN (
        SELECT unnest(p.most_common_elems::text::text[]) AS key,
            unnest(p.most_common_elem_freqs[1:cardinality(p.most_common_elems::text::text[])]) AS share
        FROM pg_stats p WHERE p.schemaname = current_schema() AND p.tablename = 'customers_search_idx'
    ) s ON s.key = k
