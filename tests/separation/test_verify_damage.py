"""Each damage is caught by exactly the invariant that names it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from separation.verification import examine
from separation.verification.invariants import BY_RELATION
from tests.databases import Databases, default_connection_to
from tests.separation.verify import broken, damage, migrated_databases, others_are_done, undone

CUSTOMER = "(SELECT min(id) FROM customers)"
OTHER = "(SELECT max(id) FROM customers)"
BOOKED = "(SELECT min(t.id) FROM {table} t JOIN customers c ON c.id = t.user_id)"
PHONED = "(SELECT min(t.id) FROM {table} t JOIN users u ON u.id = t.user_id AND NOT u.is_customer WHERE {also})"
FOR_SOMEBODY = PHONED.format(table="reservations", also="t.customer_id IS NOT NULL")
FOR_NOBODY = PHONED.format(table="reservations", also="t.customer_id IS NULL")
UNMENTIONED = """(SELECT min(c.id) FROM customers c WHERE c.id NOT IN (
    SELECT user_id FROM refresh_tokens UNION ALL SELECT user_id FROM email_verification_tokens
    UNION ALL SELECT user_id FROM password_reset_tokens UNION ALL SELECT user_id FROM issues
    UNION ALL SELECT user_id FROM guest_reservations WHERE user_id IS NOT NULL
    UNION ALL SELECT user_id FROM reservation_logs WHERE user_id IS NOT NULL))"""


@dataclass(frozen=True)
class Damage:
    """One damage: the last statement returns the ids that INVARIANT must name."""

    invariant: str
    sql: str
    kind: str = "plain"
    role: str = "replica"


def finding(kind: str) -> str:
    return f"(SELECT min(row_id) FROM separation_findings WHERE kind = '{kind}')"


PEOPLE = {
    "a finding is lost": Damage(
        "customers_accounted", "DELETE FROM separation_findings WHERE kind = 'invalid_email' RETURNING row_id"
    ),
    "a customer is lost with all that depends on them": Damage(
        "customers_accounted",
        f"""SET LOCAL "separation.bypass" = 'on'; DELETE FROM customers WHERE id = {CUSTOMER} RETURNING id""",
        role="origin",
    ),
    "somebody registered since": Damage(
        "customers_accounted",
        """INSERT INTO users (email, password, is_customer, updated_at) VALUES ('new@example.org', '', true, now())
        RETURNING id""",
    ),
    "a moved customer is kept back": Damage(
        "held_back_stay",
        f"""INSERT INTO separation_findings (kind, table_name, row_id)
        VALUES ('duplicate_email', 'users', {CUSTOMER}) RETURNING row_id""",
    ),
    "a moved customer is merged away": Damage(
        "held_back_stay",
        f"""INSERT INTO separation_merges (user_id, customer_id)
        SELECT c.id, c.id FROM customers c WHERE c.id = {CUSTOMER} RETURNING user_id""",
    ),
    "a user is deleted": Damage("customers_have_users", f"DELETE FROM users WHERE id = {UNMENTIONED} RETURNING id"),
    "a customer is an admin": Damage("no_staff", f"UPDATE users SET role = 'ADMIN' WHERE id = {CUSTOMER} RETURNING id"),
    "a customer is not flagged as one": Damage(
        "no_staff", f"UPDATE users SET is_customer = false WHERE id = {CUSTOMER} RETURNING id"
    ),
    "a customer owns a restaurant": Damage(
        "no_staff",
        f"""INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at)
        VALUES ({CUSTOMER}, 1, 'OWNER', now()) RETURNING user_id""",
    ),
    "a customer writes menus": Damage(
        "no_staff", f"UPDATE menus SET user_id = {CUSTOMER} WHERE id = 1 RETURNING user_id"
    ),
    "another email": Damage(
        "emails_equal", f"UPDATE customers SET email = 'other@example.org' WHERE id = {CUSTOMER} RETURNING id"
    ),
    "an email in capitals": Damage(
        "emails_equal", f"UPDATE customers SET email = upper(email) WHERE id = {CUSTOMER} RETURNING id"
    ),
    "an email with a blank": Damage(
        "emails_equal",
        # Not at the end of the address either: that would be two things at once.
        f"""UPDATE users SET email = 'x' || email WHERE id = {CUSTOMER} RETURNING id""",
    ),
    "no address": Damage(
        "emails_are_addresses",
        f"""UPDATE users SET email = 'nobody.example.org' WHERE id = {CUSTOMER};
        UPDATE customers SET email = 'nobody.example.org' WHERE id = {CUSTOMER} RETURNING id""",
    ),
    "one email twice": Damage(
        "emails_unique",
        f"""DROP INDEX customers_email_key;
        UPDATE users SET email = 'Same@example.org' WHERE id = {CUSTOMER};
        UPDATE users SET email = 'same@example.org' WHERE id = {OTHER};
        UPDATE customers c SET email = u.email FROM users u WHERE u.id = c.id;
        SELECT {CUSTOMER}""",
    ),
    "an address was put right": Damage(
        "held_back_rightly",
        f"UPDATE users SET email = 'right@example.org' WHERE id = {finding('invalid_email')} RETURNING id",
    ),
    "staff left": Damage(
        "held_back_rightly",
        """DELETE FROM restaurant_staff s USING separation_findings f
        WHERE f.kind = 'staff_marked_as_customer' AND s.user_id = f.row_id AND s.role = 'MANAGER'
            AND NOT EXISTS (SELECT FROM recipes r WHERE r.user_id = s.user_id)
            AND NOT EXISTS (SELECT FROM menus m WHERE m.user_id = s.user_id) RETURNING s.user_id""",
    ),
    "a duplicate is gone": Damage(
        "held_back_rightly",
        f"""UPDATE users SET email = 'single@example.org' WHERE id = {finding("duplicate_email")};
        SELECT row_id FROM separation_findings f JOIN users u ON u.id = f.row_id AND f.kind = 'duplicate_email'
        WHERE NOT EXISTS (SELECT FROM users o WHERE lower(o.email) = lower(u.email) AND o.id <> u.id)""",
    ),
    "another hash": Damage(
        "passwords_equal",
        f"""UPDATE customers SET password = reverse(left(reverse(password), 1) || '.') || substr(password, 3)
        WHERE id = {CUSTOMER} RETURNING id""",
    ),
    "a hash made unusable": Damage(
        "passwords_equal", f"UPDATE customers SET password = '!' WHERE id = {CUSTOMER} RETURNING id"
    ),
    "a hash that is no bcrypt": Damage(
        "passwords_equal",
        f"""UPDATE customers c SET password = u.password FROM users u
        WHERE u.id = c.id AND c.id = {finding("needs_password_reset")} RETURNING c.id""",
    ),
    "a lost reset": Damage(
        "password_resets_found",
        f"""DELETE FROM separation_findings
        WHERE kind = 'needs_password_reset' AND row_id = {finding("needs_password_reset")} RETURNING row_id""",
    ),
    "a longer name": Damage(
        "names_equal", f"UPDATE customers SET last_name = last_name || 'x' WHERE id = {CUSTOMER} RETURNING id"
    ),
    "names the wrong way round": Damage(
        "names_equal",
        f"UPDATE customers SET first_name = last_name, last_name = first_name WHERE id = {CUSTOMER} RETURNING id",
    ),
    "two words of a name in one": Damage(
        "names_equal",
        f"""UPDATE users SET name = 'Anna  Maria  Berg' WHERE id = {CUSTOMER};
        UPDATE customers SET first_name = 'AnnaMaria', last_name = 'Berg' WHERE id = {CUSTOMER} RETURNING id""",
    ),
    "somebody deactivated who can log in to the old application": Damage(
        "deactivations_equal", f"UPDATE customers SET is_active = false WHERE id = {CUSTOMER} RETURNING id"
    ),
    "somebody kept out of the old application alone": Damage(
        "deactivations_equal", f"UPDATE users SET password = '!' || password WHERE id = {CUSTOMER} RETURNING id"
    ),
    "another phone": Damage(
        "phones_equal", f"UPDATE customers SET phone = phone || '0' WHERE id = {CUSTOMER} RETURNING id"
    ),
    "a later registration": Damage(
        "timestamps_equal",
        f"UPDATE customers SET created_at = created_at + interval '1 millisecond' WHERE id = {CUSTOMER} RETURNING id",
    ),
    "a later change": Damage(
        "timestamps_equal",
        f"UPDATE customers SET updated_at = updated_at + interval '1 millisecond' WHERE id = {CUSTOMER} RETURNING id",
    ),
    "a merge into nobody": Damage(
        "merges_lead_to_customers",
        f"""INSERT INTO separation_merges (user_id, customer_id) VALUES ({finding("duplicate_email")}, 999999);
        UPDATE separation_findings SET state = 'settled', decision = 'merge'
        WHERE row_id = {finding("duplicate_email")} RETURNING row_id""",
    ),
    "a merge whose profile gave nothing": Damage(
        "merged_profiles_filled",
        f"""UPDATE customer_profiles SET birthday = NULL WHERE customer_id = {CUSTOMER};
        DELETE FROM reservations WHERE user_id = {finding("duplicate_email")};
        DELETE FROM orders WHERE user_id = {finding("duplicate_email")};
        INSERT INTO customer_profiles (user_id, birthday, tags, updated_at)
        VALUES ({finding("duplicate_email")}, '2000-01-01', '{{}}', now())
        ON CONFLICT (user_id) DO UPDATE SET birthday = '2000-01-01', notes = NULL, tags = '{{}}', vip_status = false,
            preferred_contact_method = NULL, dietary_restrictions = NULL, special_requests = NULL, anniversary = NULL;
        INSERT INTO separation_merges (user_id, customer_id) VALUES ({finding("duplicate_email")}, {CUSTOMER});
        UPDATE separation_findings SET state = 'settled', decision = 'merge'
        WHERE row_id = {finding("duplicate_email")} RETURNING row_id""",
    ),
    "a decision that nobody followed": Damage(
        "decisions_followed",
        f"""UPDATE separation_findings SET state = 'settled', decision = 'both'
        WHERE row_id = {finding("staff_marked_as_customer")} AND kind = 'staff_marked_as_customer' RETURNING row_id""",
    ),
    "somebody left who is no duplicate": Damage(
        "held_back_rightly",
        f"""UPDATE separation_findings SET state = 'settled', decision = 'left'
        WHERE row_id = {finding("duplicate_email")};
        UPDATE users SET email = 'single@example.org' WHERE id = {finding("duplicate_email")};
        SELECT row_id FROM separation_findings f JOIN users u ON u.id = f.row_id AND f.kind = 'duplicate_email'
        WHERE NOT EXISTS (SELECT FROM users o WHERE lower(o.email) = lower(u.email) AND o.id <> u.id)""",
    ),
}

PARTS = {
    "no profile": Damage(
        "one_profile_each", f"DELETE FROM customer_profiles WHERE customer_id = {CUSTOMER} RETURNING customer_id"
    ),
    "two profiles": Damage(
        "one_profile_each",
        f"""DROP INDEX customer_profiles_customer_id_key;
        INSERT INTO customer_profiles (customer_id) VALUES ({CUSTOMER}) RETURNING customer_id""",
    ),
    "somebody else's profile": Damage(
        "profiles_belong",
        f"UPDATE customer_profiles SET user_id = 1 WHERE customer_id = {CUSTOMER} RETURNING customer_id",
    ),
    "a new profile beside the one there was": Damage(
        "profiles_belong",
        """UPDATE customer_profiles SET customer_id = NULL
        WHERE user_id = (SELECT min(p.user_id) FROM customer_profiles p WHERE p.customer_id = p.user_id);
        INSERT INTO customer_profiles (customer_id, tags, updated_at)
        SELECT c.id, '{}', now() FROM customers c
        WHERE NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id) RETURNING customer_id""",
        kind="ahead",
    ),
    "an email verified in the profile alone": Damage(
        "verified_equal",
        """UPDATE customer_profiles SET email_verified = NOT email_verified
        WHERE user_id = (SELECT min(user_id) FROM customer_profiles WHERE customer_id = user_id) RETURNING user_id""",
        kind="ahead",
    ),
    "a profile that the old application does not see": Damage(
        "profiles_shown",
        """UPDATE customer_profiles SET notes = 'Vegan'
        WHERE customer_id = (SELECT min(customer_id) FROM customer_profiles WHERE user_id IS NULL)
        RETURNING customer_id""",
        kind="ahead",
    ),
    "a profile of nobody": Damage(
        "profiles_lead_somewhere", "INSERT INTO customer_profiles (customer_id) VALUES (999999) RETURNING id"
    ),
    "a log-in of nobody": Damage(
        "sessions_lead_somewhere",
        """INSERT INTO customer_sessions (id, customer_id, token_hash, family, expires_at)
        VALUES (gen_random_uuid(), 999999, '', gen_random_uuid(), now()) RETURNING id::text""",
    ),
    "a link of nobody": Damage(
        "links_lead_somewhere",
        "INSERT INTO customer_restaurants (customer_id, restaurant_id) VALUES (999999, 1) RETURNING id",
    ),
    "a lost link": Damage(
        "links_complete",
        """DELETE FROM customer_restaurants WHERE id = (SELECT min(id) FROM customer_restaurants)
        RETURNING customer_id""",
    ),
    "an invented link": Damage(
        "links_earned",
        """INSERT INTO customer_restaurants (customer_id, restaurant_id)
        SELECT c.id, r.id FROM customers c CROSS JOIN restaurants r
        WHERE EXISTS (SELECT FROM customer_restaurants l WHERE l.customer_id = c.id)
            AND NOT EXISTS (SELECT FROM customer_restaurants l WHERE l.customer_id = c.id AND l.restaurant_id = r.id)
        ORDER BY c.id, r.id LIMIT 1 RETURNING customer_id""",
    ),
    "a visit too many": Damage(
        "visits_counted",
        """UPDATE customer_restaurants SET visit_count = visit_count + 1
        WHERE id = (SELECT min(id) FROM customer_restaurants) RETURNING customer_id""",
    ),
    "an earlier first visit": Damage(
        "visits_dated",
        """UPDATE customer_restaurants SET first_visit = first_visit - interval '1 millisecond'
        WHERE id = (SELECT min(id) FROM customer_restaurants WHERE visit_count > 0) RETURNING customer_id""",
    ),
    "no last visit": Damage(
        "visits_dated",
        """UPDATE customer_restaurants SET last_visit = NULL
        WHERE id = (SELECT min(id) FROM customer_restaurants WHERE visit_count > 0) RETURNING customer_id""",
    ),
    "a cent too much": Damage(
        "spend_counted",
        """UPDATE customer_restaurants SET total_spent = total_spent + 0.01
        WHERE id = (SELECT min(id) FROM customer_restaurants) RETURNING customer_id""",
    ),
}


def bookings(table: str) -> dict[str, Damage]:
    """The damages that reservations and orders have in common."""
    one = table.removesuffix("s")
    booked, others = BOOKED.format(table=table), PHONED.format(table=table, also="true")
    return {
        f"{one} without user": Damage(
            f"{table}_keep_user", f"UPDATE {table} SET user_id = NULL WHERE id = {booked} RETURNING id"
        ),
        f"{one} of nobody": Damage(
            f"{table}_lead_somewhere", f"UPDATE {table} SET customer_id = 999999 WHERE id = {booked} RETURNING id"
        ),
        f"{one} of the wrong customer": Damage(
            f"{table}_linked",
            f"""UPDATE {table} SET customer_id = (SELECT min(c.id) FROM customers c WHERE c.id <> customer_id)
            WHERE id = {booked} RETURNING id""",
        ),
        f"{one} of staff with a customer": Damage(
            f"{table}_of_others", f"UPDATE {table} SET customer_id = {CUSTOMER} WHERE id = {others} RETURNING id"
        ),
        f"{one} of somebody kept back with a customer": Damage(
            f"{table}_of_others",
            f"""UPDATE {table} t SET customer_id = {CUSTOMER} FROM users u
            WHERE u.id = t.user_id AND u.is_customer AND t.customer_id IS NULL RETURNING t.id""",
        ),
        f"{one} without customer": Damage(
            f"{table}_counted", f"UPDATE {table} SET customer_id = NULL WHERE id = {booked} RETURNING restaurant_id"
        ),
        f"{one} of nobody not on record": Damage(
            f"{one}_orphans_found",
            f"DELETE FROM separation_findings WHERE kind = 'orphan' AND table_name = '{table}' RETURNING row_id",
            kind="dirty",
        ),
    }


BOOKINGS = {
    **bookings("reservations"),
    **bookings("orders"),
    "a mismatch not on record": Damage(
        "mismatches_found",
        f"""DELETE FROM separation_findings
        WHERE kind = 'restaurant_mismatch' AND row_id = {finding("restaurant_mismatch")} RETURNING row_id""",
        kind="dirty",
    ),
    "a reservation booked for another customer": Damage(
        "reservations_linked",
        f"""UPDATE reservations SET customer_id = (SELECT min(c.id) FROM customers c WHERE c.id <> customer_id)
        WHERE id = {FOR_SOMEBODY}
        RETURNING id""",
        kind="ahead",
    ),
    "a reservation booked for a customer who is forgotten": Damage(
        "reservations_counted",
        f"""UPDATE reservations SET customer_id = NULL
        WHERE id = {FOR_SOMEBODY}
        RETURNING restaurant_id""",
        kind="ahead",
    ),
    "a reservation of nobody at all": Damage(
        "reservations_lead_somewhere",
        f"UPDATE reservations SET customer_id = 999999 WHERE id = {BOOKED.format(table='reservations')} RETURNING id",
        kind="ahead",
    ),
    "a reservation for a customer that nobody had named": Damage(
        "reservations_of_others",
        f"""UPDATE reservations SET customer_id = {CUSTOMER}
        WHERE id = {FOR_NOBODY} RETURNING id""",
        kind="ahead",
    ),
}

RECORDS = {
    "a phase that is not true": Damage(
        "phase_fits",
        """UPDATE separation_phase SET name = 'legacy';
        SELECT unnest(ARRAY['customer_profiles', 'customer_restaurants', 'customers'])""",
    ),
    "a finding twice": Damage(
        "findings_once",
        """ALTER TABLE separation_findings DROP CONSTRAINT separation_findings_once;
        INSERT INTO separation_findings (kind, table_name, row_id)
        SELECT kind, table_name, row_id FROM separation_findings ORDER BY id LIMIT 1 RETURNING row_id""",
    ),
    "a row of an earlier attempt that nobody records": Damage(
        "parked_accounted", "DELETE FROM separation_findings WHERE kind = 'no_user' RETURNING row_id", kind="half"
    ),
    "a row of an earlier attempt whose customer is forgotten": Damage(
        "parked_accounted",
        """DELETE FROM separation_undo
        WHERE id = (SELECT min(id) FROM separation_undo WHERE table_name = 'customers') RETURNING row_id""",
        kind="half",
    ),
    "a marker that came back": Damage(
        "hashes_put_back",
        """UPDATE users u SET password = 'MIGRATED_TO_CUSTOMERS_TABLE' FROM customers p
        WHERE p.id < 0 AND p.email = u.email AND u.id = (
            SELECT min(k.id) FROM users k JOIN customers q ON q.email = k.email AND q.id < 0
            WHERE k.is_customer AND k.id NOT IN (SELECT id FROM customers))
        RETURNING p.id""",
        kind="half",
    ),
    "a menu that nobody records": Damage(
        "homeless_dishes_found",
        """DELETE FROM separation_findings WHERE kind = 'no_restaurant' AND table_name = 'menus' RETURNING row_id""",
        kind="dirty",
    ),
    "a chunk that is not linked": Damage(
        "chunks_done",
        """UPDATE separation_chunks SET state = 'moved' WHERE id = (SELECT min(id) FROM separation_chunks)
        RETURNING id""",
    ),
    "two chunks that overlap": Damage(
        "chunks_meet",
        """UPDATE separation_chunks SET last_id = last_id + 1 WHERE id = (SELECT min(id) FROM separation_chunks);
        SELECT id FROM separation_chunks ORDER BY first_id OFFSET 1 LIMIT 1""",
    ),
    "a customer whom no chunk moved": Damage(
        "customers_in_ledger",
        """UPDATE separation_chunks SET first_id = (SELECT min(id) + 1 FROM customers)
        WHERE first_id = (SELECT min(first_id) FROM separation_chunks) RETURNING first_id - 1""",
    ),
    "a chunk that wrote to users": Damage(
        "only_own_tables_written",
        """UPDATE separation_chunks SET written = written || '{"users": 3}'
        WHERE id = (SELECT min(id) FROM separation_chunks) RETURNING id""",
    ),
    "a token of nobody": Damage(
        "unknown_rows_refer",
        "UPDATE refresh_tokens SET user_id = 999999 WHERE id = 1 RETURNING 'refresh_tokens.user_id'",
    ),
}

# What a verification of what was written since does not look at.
NEVER_NARROWED = {"unknown_tables_unchanged", "unknown_rows_refer"}
# After which it looks at everything: rows are gone, or a run was at work.
WHOLE = {
    *("a finding is lost", "a customer is lost with all that depends on them", "a user is deleted", "a lost reset"),
    *("a merge whose profile gave nothing", "no profile", "a lost link", "a mismatch not on record"),
    *("reservation of nobody not on record", "order of nobody not on record", "a menu that nobody records"),
    "a row of an earlier attempt that nobody records",
    "a row of an earlier attempt whose customer is forgotten",
    *("a chunk that is not linked", "two chunks that overlap", "a customer whom no chunk moved"),
    *("a chunk that wrote to users", "a phase that is not true"),
}

DAMAGES = {**PEOPLE, **PARTS, **BOOKINGS, **RECORDS}


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[Callable[[str], str]]:
    """The name of a migrated database of a kind, made once for all of its damages."""
    with migrated_databases(databases) as name_of:
        yield name_of


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_caught_by_the_invariant_that_names_it(migrated: Callable[[str], str], name: str) -> None:
    wanted = DAMAGES[name]
    with default_connection_to(migrated(wanted.kind)) as connection:
        others_are_done(connection)
        with undone(connection):
            mark = examine(connection).mark
            hit = damage(connection, wanted.sql, role=wanted.role)
            report = examine(connection)
            narrow = examine(connection, since=mark)
    assert hit, "the damage did no damage"
    assert broken(report) == {wanted.invariant: hit[:10]}
    (result,) = report.failures
    assert (result.offending, result.figure.rpartition("; ")[2]) == (len(hit), f"{len(hit)} wrong")
    assert broken(narrow) == {name: ids for name, ids in broken(report).items() if name not in NEVER_NARROWED}
    assert bool(narrow.why_whole) == (name in WHOLE)


def test_every_invariant_is_damaged_once() -> None:
    registered = {invariant.id for invariants in BY_RELATION.values() for invariant in invariants}
    assert {wanted.invariant for wanted in DAMAGES.values()} == {*registered, "unknown_rows_refer"}
