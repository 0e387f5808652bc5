"""The registry of invariants: what each guarantees, in one sentence, and what to type when it does not hold."""

from dataclasses import dataclass

EXECUTE = "python manage.py migrate_customers --execute"
ROLL_BACK = "python manage.py migrate_customers --rollback"
AGAIN = f"{ROLL_BACK}, then {EXECUTE}"


@dataclass(frozen=True)
class Invariant:
    """One guarantee; `compared` says what is compared, `tally` what the sum of the relation's figure is."""

    id: str
    guarantee: str
    compared: str
    remedy: str
    tally: str = ""


_BOOKINGS = {
    table: (
        Invariant(
            f"{table}_keep_user",
            f"Of the {table} none has lost its user_id.",
            f"{table} compared",
            "python manage.py backup --list, then compare with a copy: python manage.py restore PATH --into URL",
        ),
        Invariant(
            f"{table}_lead_somewhere",
            f"The customer_id of {table} never points to nobody.",
            f"{table} with a customer compared",
            AGAIN,
        ),
        Invariant(
            f"{table}_linked",
            f"The {table} name the right customer: who stood there before, else the customer their user has become.",
            f"linked {table} compared",
            AGAIN,
        ),
        Invariant(
            f"{table}_of_others",
            f"The {table} of staff, and of people who were not moved, name no customer of ours.",
            f"{table} of others compared",
            AGAIN,
        ),
        Invariant(
            f"{table.removesuffix('s')}_orphans_found",
            f"The {table} whose user does not exist are each on record as a finding.",
            f"{table} of nobody compared",
            EXECUTE,
        ),
    )
    for table in ("reservations", "orders")
}

# By the relation of invariants.sql whose columns decide them.
BY_RELATION: dict[str, tuple[Invariant, ...]] = {
    "phase": (
        Invariant(
            "phase_fits", "In phase legacy the new tables hold nothing of the migration.", "tables compared", ROLL_BACK
        ),
    ),
    "people": (
        Invariant(
            "customers_accounted",
            "Every customer of users is moved, merged, or kept back by a finding that says why.",
            "customers of users compared",
            EXECUTE,
        ),
        Invariant("held_back_stay", "Nobody is both moved and kept back or merged away.", "customers compared", AGAIN),
        Invariant(
            "customers_have_users",
            "Every customer has a users row with the same id.",
            "customers compared",
            EXECUTE,
        ),
        Invariant(
            "no_staff",
            "No customer is staff: unflagged, ADMIN, MANAGER, OWNER or an author, unless it was decided so.",
            "customers compared",
            AGAIN,
        ),
        Invariant(
            "emails_equal", "Emails are those of users, without blanks around them.", "customers compared", AGAIN
        ),
        Invariant("emails_are_addresses", "Every customer's email is an address.", "customers compared", AGAIN),
        Invariant(
            "passwords_equal",
            "Password hashes are those of users, byte for byte; what is not bcrypt is unusable.",
            "customers compared",
            AGAIN,
        ),
        Invariant(
            "deactivations_equal",
            "Whoever is deactivated has a ! before the hash in users, which keeps them out there too; nobody else has.",
            "customers with a readable hash compared",
            AGAIN,
        ),
        Invariant(
            "password_resets_found",
            "Every customer without a readable hash is on record as needing a password reset.",
            "customers without a readable hash compared",
            AGAIN,
        ),
        Invariant(
            "names_equal",
            "First and last name are the words of the name in users, none lost, none added.",
            "customers compared",
            AGAIN,
        ),
        Invariant("phones_equal", "Phone numbers are those of users.", "customers compared", AGAIN),
        Invariant("timestamps_equal", "created_at and updated_at are those of users.", "customers compared", AGAIN),
    ),
    "emails": (
        Invariant("emails_unique", "No two customers have the same email in any case.", "emails compared", AGAIN),
    ),
    "held_back": (
        Invariant(
            "held_back_rightly",
            "Whoever a finding keeps back, open or settled, is what it says: staff, a duplicate, without an address.",
            "customers kept back compared",
            EXECUTE,
        ),
    ),
    "decided": (
        Invariant(
            "decisions_followed",
            "Whoever staff decided to move is moved, or kept back by another finding.",
            "such decisions compared",
            EXECUTE,
        ),
    ),
    "merges": (
        Invariant(
            "merges_lead_to_customers",
            "Whoever was merged became a customer who exists, or it is on record why not.",
            "merges compared",
            AGAIN,
        ),
        Invariant(
            "merged_profiles_filled",
            "What a profile lacked, and the profile merged into it says, stands in it.",
            "merged profiles compared",
            AGAIN,
        ),
    ),
    "profiles": (
        Invariant("one_profile_each", "Every customer has exactly one profile.", "customers compared", AGAIN),
        Invariant(
            "profiles_belong",
            "The profile that the old application kept of a person is that customer's.",
            "customers with a profile compared",
            AGAIN,
        ),
        Invariant(
            "verified_equal",
            "A customer's email is verified exactly if the profile that the old application keeps of them says so.",
            "customers with such a profile compared",
            AGAIN,
        ),
        Invariant(
            "profiles_shown",
            "Where the old application keeps profiles, none with anything but a merge's in it is hidden.",
            "customers compared",
            AGAIN,
        ),
    ),
    "profile_owners": (
        Invariant(
            "profiles_lead_somewhere", "No profile is of a customer who does not exist.", "profiles compared", AGAIN
        ),
    ),
    "session_owners": (
        Invariant(
            "sessions_lead_somewhere", "No log-in is of a customer who does not exist.", "log-ins compared", AGAIN
        ),
    ),
    "link_owners": (
        Invariant(
            "links_lead_somewhere",
            "No link is of a customer or a restaurant that does not exist.",
            "links compared",
            AGAIN,
        ),
    ),
    "reservations": _BOOKINGS["reservations"],
    "orders": (
        *_BOOKINGS["orders"],
        Invariant(
            "mismatches_found",
            "Every order at another restaurant than its reservation is on record as a finding.",
            "such orders compared",
            EXECUTE,
        ),
    ),
    "restaurant_reservations": (
        Invariant(
            "reservations_counted",
            "Each restaurant has as many of the customers' reservations by either link, customer_id or user_id.",
            "restaurants compared",
            EXECUTE,
            tally="reservations by either",
        ),
    ),
    "restaurant_orders": (
        Invariant(
            "orders_counted",
            "Each restaurant has as many of the customers' orders by either link, and to the cent as much money.",
            "restaurants compared",
            EXECUTE,
            tally="in orders by either",
        ),
    ),
    "links": (
        Invariant(
            "links_complete",
            "Every customer is linked to each restaurant of a STAFF link, a reservation or an order of theirs, or with "
            "none of these to the only restaurant there is.",
            "pairs of customer and restaurant compared",
            AGAIN,
        ),
        Invariant(
            "links_earned",
            "No customer is linked to a restaurant without a reason, be it only that somebody wrote notes on the link, "
            "or that no other restaurant knows the customer.",
            "links compared",
            AGAIN,
        ),
        Invariant("visits_counted", "Visits, counted again, are those of the link.", "links compared", AGAIN),
        Invariant(
            "visits_dated", "First and last visit, looked up again, are those of the link.", "links compared", AGAIN
        ),
        Invariant("spend_counted", "Spend, added up again, is that of the link to the cent.", "links compared", AGAIN),
    ),
    "parked": (
        Invariant(
            "parked_accounted",
            "Every row of an earlier attempt is a customer's by now, of somebody kept back, or on record as nobody's.",
            "rows of an earlier attempt compared",
            EXECUTE,
        ),
        Invariant(
            "hashes_put_back",
            "No customer of users has an earlier attempt's marker for a password while the hash survived in customers.",
            "rows of an earlier attempt with a hash compared",
            AGAIN,
        ),
    ),
    "findings": (
        Invariant(
            "findings_once",
            "Everything found is on record once.",
            "findings compared",
            "delete the doubles from separation_findings, then: python manage.py verify_separation",
        ),
    ),
    "homeless_dishes": (
        Invariant(
            "homeless_dishes_found",
            "Every menu and recipe whose restaurant cannot be told is on record as a finding.",
            "menus and recipes without a restaurant compared",
            EXECUTE,
        ),
    ),
    "chunks": (
        Invariant("chunks_done", "Every chunk of the ledger is moved and linked.", "chunks compared", EXECUTE),
        Invariant(
            "chunks_meet",
            "Each chunk begins right after the one before, so that no id is left out.",
            "chunks compared",
            AGAIN,
        ),
    ),
    "ledger": (
        Invariant(
            "customers_in_ledger",
            "Every customer up to the end of the ledger lies in one of its chunks.",
            "customers compared",
            AGAIN,
        ),
    ),
    "written": (
        Invariant(
            "only_own_tables_written",
            "No chunk wrote to a table but the migration's own, as PostgreSQL counted.",
            "tables written by a chunk compared",
            "python manage.py migrate_customers --rollback, then python manage.py preflight",
        ),
    ),
}

UNKNOWN_UNCHANGED = Invariant(
    "unknown_tables_unchanged",
    "Tables that no model knows are as they were when the migration began.",
    "tables compared",
    "python manage.py backup --list, then compare with a copy: python manage.py restore PATH --into URL",
)
UNKNOWN_REFER = Invariant(
    "unknown_rows_refer",
    "Tables that no model knows refer to nobody who is missing in users.",
    "references to users compared",
    "python manage.py backup --list, then compare with a copy: python manage.py restore PATH --into URL",
)
