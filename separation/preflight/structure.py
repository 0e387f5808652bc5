"""The checks of the schema: what is there, what the models expect, and who may do what with it."""

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.migrations.executor import MigrationExecutor

from separation import policy
from separation.errors import MIGRATE, Refused
from separation.kinds import AHEAD, EMPTY, legacy_apps, legacy_columns
from separation.mirror import MISSING, OUTDATED, state_of
from separation.models import Phase
from separation.policy import keys_to_users
from separation.preflight.expected import ForeignKey, Index, expected_objects, foreign_keys_of, indexes_of
from separation.preflight.look import SQL, Look
from separation.preflight.registry import check, count
from separation.preflight.report import FAIL, PASS, WARN, Result
from separation.shape import differences, misfits

_LAST_IDS = 2_000_000_000
_ALTERED = ("users", "reservations", "orders", "menus", "recipes", "customer_profiles")
_LEFT = ("customers", "customer_sessions", "customer_restaurants")
_STANDS = {
    Phase.LEGACY: "customers are in users alone",
    Phase.DUAL: "both schemas live, in step",
    Phase.CLEANING: "clean-up has begun, and only a restore leads back",
    Phase.SEPARATED: "customers are in tables of their own, and only a restore leads back",
}
# Without these a chunk would write a row twice, or search a whole table for each of its people.
_RELIED_ON = {("users", ("id",)), ("reservations", ("id",)), ("orders", ("id",))}
_SEARCHED = {("reservations", ("user_id",)), ("orders", ("user_id",))}
# The rows of a table that are counted; of one with more, a part.
_COUNTED = 1_000_000
_LOSS = {
    "CASCADE": "destroy them",
    "SET NULL": "empty the column",
    "SET DEFAULT": "give them to another user",
    "RESTRICT": "fail",
    "NO ACTION": "fail",
}
_LOCKED_OR_FILLED = ("users", "reservations", "orders")


@check()
def kind(look: Look) -> Result:
    """Say in what state the database was found; refuse what `migrate` refuses."""
    found = look.kind
    message = f"The database is of kind {found.name}: {found.why}."
    if found.is_refused:
        return Result(FAIL, message, found.name, remedy=found.remedy)
    if found.name == EMPTY:
        return Result(WARN, message, found.name, remedy=found.remedy)
    return Result(PASS, message, found.name)


@check(reads_legacy=True)
def phase(look: Look) -> Result:
    """Say where the separation stands."""
    if not look.is_adopted:
        return Result(PASS, "There is no phase yet; it comes with the new tables.", "")
    return Result(
        PASS, f"The phase is {look.phase}: {_STANDS.get(look.phase, 'unreadable for this role')}.", look.phase
    )


@check(reads_legacy=True)
def schema(look: Look) -> Result:
    """Compare every model's columns with the catalog."""
    found = differences(look.connection, adopted=look.is_adopted)
    if look.kind.name == AHEAD:
        found += misfits(look.connection)
    fatal = [difference for difference in found if difference.fatal]
    details = [f"{'fails' if difference.fatal else 'works'}: {difference}" for difference in found]
    if fatal:
        message = f"{count(len(fatal), 'difference')} from the models' columns that they cannot work with."
        remedy = "put the columns right in the database, then: python manage.py preflight"
        return Result(FAIL, message, len(found), details=details, remedy=remedy)
    if found:
        message = f"{count(len(found), 'difference')} from the models' columns, all of a kind they can work with."
        return Result(WARN, message, len(found), details=details)
    return Result(PASS, "Every column is as the models expect.", 0)


@check(reads_legacy=True, until_cleanup=True)
def earlier_attempt(look: Look) -> Result:
    """Say what an earlier attempt left, and require that it can be taken over."""
    earlier = look.earlier
    if not earlier.is_there:
        return Result(PASS, "No earlier attempt left rows in customers.", 0)
    if reasons := earlier.obstacles():
        message = f"What an earlier attempt left cannot be taken over: {count(len(reasons), 'reason')}."
        remedy = "put that right in the database, then: python manage.py preflight"
        return Result(FAIL, message, len(reasons), details=reasons, remedy=remedy)
    found, put_back = earlier.figures, len(earlier.put_back)
    message = (
        f"An earlier attempt left {count(found.rows, 'row')} in customers ({found.nobodys:,} with the email of no "
        f"customer) and its marker for {count(found.markers, 'password')} in users ({put_back:,} can be put back)."
    )
    return Result(WARN if found.nobodys or put_back < found.markers else PASS, message, found.rows)


@check(reads_legacy=True)
def migrations(look: Look) -> Result:
    """Tell whether the database is adopted, and up to date."""
    executor = MigrationExecutor(look.connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not look.is_adopted:
        message = "The database is not adopted yet: the new tables are not there."
        return Result(WARN, message, len(plan), remedy=MIGRATE)
    if plan:
        names = [f"{migration.app_label} {migration.name}" for migration, _ in plan]
        message = f"{count(len(plan), 'migration')} not applied yet."
        return Result(FAIL, message, len(plan), details=names, remedy=MIGRATE)
    return Result(PASS, "Every migration is applied.", 0)


@check(reads_legacy=True, until_cleanup=True)
def mirror(look: Look) -> Result:
    """Require the triggers that follow what the old application writes."""
    if not look.is_adopted:
        message = "The mirror is not there yet; it comes with the new tables."
        return Result(PASS, message, MISSING)
    state = state_of(look.connection)
    if state == OUTDATED:
        message = "The mirror is outdated: its triggers are not those of this version, or one of them is switched off."
        return Result(FAIL, message, state, remedy=MIGRATE)
    if state == MISSING:
        message = "The mirror is missing: nothing would follow what the old application writes."
        return Result(FAIL, message, state, remedy=MIGRATE)
    return Result(PASS, "The mirror is installed as this version has it.", state)


@check(reads_legacy=True)
def privileges(look: Look) -> Result:
    """Require every privilege that the next step needs."""
    needs = _needs(look)
    tables, kinds = [table for table, _ in needs], [privilege for _, privilege in needs]
    found = look.rows(SQL.privileges, tables=tables, privileges=kinds)
    lacking = [f"{privilege} on {table}" for table, privilege in found]
    if not look.is_adopted and not look.value(SQL.may_create):
        lacking.append(f"CREATE on schema {look.server[5]}")
    role = look.server[2]
    if lacking:
        message = f"Role {role} lacks {count(len(lacking), 'privilege')} that the next step needs."
        remedy = f"grant them to {role}, or name the owner of the tables in DATABASE_URL"
        return Result(FAIL, message, len(lacking), details=lacking, remedy=remedy)
    return Result(PASS, f"Role {role} has every privilege that the next step needs.", 0)


@check(reads_legacy=True)
def row_security(look: Look) -> Result:
    """Require that all rows are seen."""
    tables = [table for (table,) in look.rows(SQL.row_security, tables=[*legacy_columns()])]
    if tables:
        message = f"Row security hides rows of {', '.join(tables)} from this role."
        remedy = "name a role with BYPASSRLS in DATABASE_URL"
        return Result(FAIL, message, len(tables), remedy=remedy)
    return Result(PASS, "No row is hidden from this role.", 0)


@check(reads_legacy=True, until_cleanup=True)
def triggers(look: Look) -> Result:
    """Name what would fire when reservations and orders are linked."""
    found = [f"{trigger} on {table}" for table, trigger in look.rows(SQL.triggers)]
    if found:
        message = f"{count(len(found), 'trigger')} will fire when reservations and orders get their customer_id."
        remedy = "see to it that they leave updated_at and all else alone when only customer_id changes"
        return Result(WARN, message, len(found), details=found, remedy=remedy)
    return Result(PASS, "Nothing fires when reservations and orders get their customer_id.", 0)


@check(reads_legacy=True)
def users_sequence(look: Look) -> Result:
    """Require the sequence that customers, too, will draw their ids from."""
    name, readable, highest, lowest = look.rows(SQL.users_sequence)[0]
    last = look.value(SQL.stands_at.format(sequence=name)) if readable else None
    if name is None:
        message = "users.id has no sequence of its own, from which new customers could draw their ids."
        remedy = "ALTER SEQUENCE users_id_seq OWNED BY users.id"
        return Result(FAIL, message, "", remedy=remedy)
    if lowest is not None and lowest < 1:
        message = f"users has ids below 1, from {lowest} on, where rows of an earlier attempt would be parked."
        return Result(FAIL, message, lowest, remedy="UPDATE users SET id = DEFAULT WHERE id < 1")
    if max(highest or 0, last or 0) > _LAST_IDS:
        message = f"Ids end at 2147483647; the highest is {highest or 0}, the sequence {name} stands at {last or 0}."
        return Result(WARN, message, highest or 0)
    if (highest or 0) > (last or 0):
        message = f"The sequence {name} stands at {last or 0}, below the highest id {highest}: the next ids are taken."
        return Result(WARN, message, last or 0, remedy=f"SELECT setval('{name}', {highest})")
    return Result(PASS, f"The sequence {name} stands at {last or 0}.", last or 0)


@check(reads_legacy=True)
def constraints(look: Look) -> Result:
    """Compare keys and unique constraints with those of the old application, but for the keys to users."""
    expected, indexes = expected_objects(), indexes_of(look)
    tables, keys = {table for table, *_ in indexes}, foreign_keys_of(look)
    lacking: list[Index | ForeignKey] = [
        key for key in expected.unique if key.table in tables and not any(map(key.is_served_by, indexes))
    ]
    lacking += [key for key in expected.keys if key.table in tables and not any(map(key.is_served_by, keys))]
    details = [key.lacks for key in lacking]
    details += [f"{table}: its foreign keys are switched off" for (table,) in look.rows(SQL.switched_off)]
    details += [f"{table}.{name} was never validated" for table, name in look.rows(SQL.not_validated)]
    details += [f"{table}.{name} restricts customer_id" for table, name in look.rows(SQL.restricting)]
    if not details:
        return Result(PASS, "Keys and constraints are the old application's.", 0)
    message = f"{count(len(details), 'difference')} from the old application's keys and constraints."
    needed = [key for key in lacking if (key.table, key.columns) in _RELIED_ON]
    remedy = f"{(needed or lacking)[0].statement}" if lacking else "see to it that rows which the migration links fit"
    return Result(FAIL if needed else WARN, message, len(details), details=details, remedy=remedy)


@check(reads_legacy=True)
def indexes(look: Look) -> Result:
    """Compare indexes with those of the old application, and name those that are invalid."""
    found = indexes_of(look)
    tables = {table for table, *_ in found}
    lacking = [
        key for key in expected_objects().indexes if key.table in tables and not any(map(key.is_served_by, found))
    ]
    invalid = [name for (name,) in look.rows(SQL.invalid_indexes)]
    details = [key.lacks for key in lacking] + [
        f"{name} is invalid: nothing uses it, and all writes pay" for name in invalid
    ]
    if not details:
        return Result(PASS, "Every index of the old application is there.", 0)
    slow = [key for key in lacking if (key.table, key.columns) in _SEARCHED]
    message = f"{count(len(details), 'index').replace('indexs', 'indexes')} missing or invalid."
    if slow:
        message += f" Without that on {slow[0].table} ({', '.join(slow[0].columns)}) each chunk reads the whole table."
    remedy = (slow or lacking)[0].statement if lacking else f"REINDEX INDEX CONCURRENTLY {invalid[0]}"
    return Result(WARN, message, len(details), details=details, remedy=remedy)


@check(reads_legacy=True)
def owners(look: Look) -> Result:
    """Require one owner of all tables, so that whoever may change one may change all."""
    found = {owner: (number, some) for owner, number, some in look.rows(SQL.owners)}
    if len(found) <= 1:
        return Result(PASS, f"All tables belong to {', '.join(found) or 'nobody'}.", len(found))
    details = [
        f"{owner} owns {count(number, 'table')}: {', '.join(some)}{' …' if number > len(some) else ''}"
        for owner, (number, some) in found.items()
    ]
    message = f"The tables belong to {len(found)} roles; what one of them may do, the others may not."
    remedy = f'ALTER TABLE … OWNER TO "{next(iter(found))}", or make this role a member of all of them'
    return Result(WARN, message, len(found), details=details, remedy=remedy)


@check(reads_legacy=True, until_cleanup=True)
def foreign_keys(look: Look) -> Result:
    """Require of each foreign key to users that it is there, was validated, and acts at once."""
    keys = keys_to_users(look.connection)
    message = f"{count(len(keys), 'foreign key')} to users; the migration deletes no user, so all their rows stay."
    missing = sorted(_expected_keys() - {(key.table, key.column) for key in keys})
    doubts = [f"{table}.{column} has none" for table, column in missing]
    doubts += [f"{key} has one that was never validated" for key in keys if not key.validated]
    doubts += [f"{key} has one that is deferrable" for key in keys if key.deferrable]
    if doubts:
        return Result(WARN, f"{message} But {', '.join(doubts)}.", len(keys))
    return Result(PASS, message, len(keys))


@check(reads_legacy=True, until_cleanup=True)
def fates(look: Look) -> Result:
    """Say of each foreign key to users what clean-up does with the rows that customers hold behind it."""
    try:
        found = policy.fates(look.connection, at_most=_COUNTED)
    except Refused as refused:
        return Result(FAIL, refused.message, "", remedy=f"put that right, then: {refused.next_command}")
    details = [_describe(fate) for fate in found]
    refused_fates = [fate for fate in found if fate.refusal]
    if refused_fates:
        message = f"The policy cannot be carried out: {', '.join(f'{fate} {fate.refusal}' for fate in refused_fates)}."
        remedy = "put another fate in the policy, then: python manage.py preflight"
        return Result(FAIL, message, len(refused_fates), details=details, remedy=remedy)
    undecided = [fate for fate in found if fate.fate == policy.UNDECIDED]
    if undecided:
        message = (
            f"Customers hold rows behind {count(len(undecided), 'foreign key')}, and nobody said what becomes of "
            "those: clean-up will refuse."
        )
        remedy = "say it in separation.toml, as separation.toml.example shows, then: python manage.py preflight"
        return Result(WARN, message, len(undecided), details=details, remedy=remedy)
    return Result(PASS, "What becomes of customers' rows behind each foreign key is decided.", 0, details=details)


def _needs(look: Look) -> list[tuple[str, str]]:
    """Return the privileges that adoption, or once adopted the migration, needs: (table, privilege)."""
    needs = [(table, "SELECT") for table in legacy_columns()]
    needs += [(table, "UPDATE") for table in _LOCKED_OR_FILLED]
    if not look.is_adopted:
        return needs + [(table, "OWNERSHIP") for table in (*_ALTERED, *_LEFT)]
    own = {m._meta.db_table for app in ("customers", "separation") for m in apps.get_app_config(app).get_models()}
    # What the portal counts is nobody's, and no concern of the migration's; what changed, the database notes itself.
    own -= {"request_throttles", "customer_changes"}
    return needs + [
        (table, privilege) for table in sorted(own) for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")
    ]


def _expected_keys() -> set[tuple[str, str]]:
    """Return the columns of the legacy tables that reference users by the models: (table, column)."""
    models = [model for app in legacy_apps() for model in app.get_models()]
    fields = [field for model in models for field in model._meta.concrete_fields]
    keys = [f for f in fields if f.related_model is get_user_model() and getattr(f, "db_constraint", False)]
    return {(f.model._meta.db_table, str(f.column)) for f in keys}


def _describe(fate: policy.Fate) -> str:
    """Return a line on one foreign key: how many rows of customers are behind it, and what becomes of them."""
    if not fate.rows_of_customers:
        return f"{fate} ON DELETE {fate.on_delete}: no row of a customer"
    rows = f"{'about ' if fate.estimated else ''}{count(fate.rows_of_customers, 'row')} of customers"
    if fate.fate == policy.UNDECIDED:
        outcome = f"undecided; deleting their users would {_LOSS[fate.on_delete]}"
    else:
        outcome = f"{policy.MEANINGS[fate.fate]} ({fate.why})"
    return f"{fate} ON DELETE {fate.on_delete}: {rows}: {outcome}"
