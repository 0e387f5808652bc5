from django.db import migrations

from config import ddl
from separation.parking import holds_moved, park, unpark

# The same text as `email_key` in separation/sql/chunk.sql: PostgreSQL uses the index only for that very expression.
EMAIL_KEY = r"lower(btrim(email, E' \t\n\r\f\x0b'))"


def add(apps, editor):
    """Prepare the tables for both schemas to live side by side; nothing here changes a legacy row."""
    # Before any id of users can be one of customers, and before there is a trigger.
    park(editor)
    ddl.add_index(editor, "users_email_key_idx", f"ON users (({EMAIL_KEY}))")
    # One person, one id on both sides: new customers draw theirs where new users do.
    sequence = ddl.one(editor, "SELECT pg_get_serial_sequence('users', 'id')")
    ddl.change(editor, f"ALTER TABLE customers ALTER COLUMN id SET DEFAULT nextval('{sequence}')")
    # Whose profile it was in a database that brought the table along; null everywhere else.
    ddl.add_column(editor, "customer_profiles", "user_id", "integer")
    ddl.add_index(editor, "customer_profiles_user_id_key", "UNIQUE ON customer_profiles (user_id)")
    # Django's own key is deferred and keeps users: the old application, deleting one, would fail at COMMIT.
    replace_log_key(editor, "ON DELETE CASCADE")
    ddl.change(editor, "INSERT INTO separation_phase (id, name) VALUES (1, 'legacy') ON CONFLICT DO NOTHING")


def remove(apps, editor):
    """Undo the preparation; refused unless the phase is legacy and the new tables are empty."""
    phase = ddl.one(editor, "SELECT name FROM separation_phase")
    customers = holds_moved(editor.connection)
    if phase != "legacy" or customers:
        raise RuntimeError(
            f"The phase is {phase!r} and customers has {customers} rows. Next: python manage.py migrate_customers --rollback"
        )
    replace_log_key(editor, "DEFERRABLE INITIALLY DEFERRED")
    ddl.drop_added_column(editor, "customer_profiles", "user_id")
    own = ddl.one(editor, "SELECT pg_get_serial_sequence('customers', 'id')")
    ddl.change(editor, f"ALTER TABLE customers ALTER COLUMN id SET DEFAULT nextval('{own}')")
    ddl.drop_index(editor, "users_email_key_idx")
    unpark(editor)


def replace_log_key(editor, rule):
    """Replace the admin log's key to users, whatever Django named it."""
    found = ddl.foreign_key_of(editor, "django_admin_log", "user_id")
    ddl.change(
        editor,
        f'ALTER TABLE django_admin_log DROP CONSTRAINT IF EXISTS "{found[0] if found else "none"}", '
        f"ADD CONSTRAINT django_admin_log_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) {rule} NOT VALID",
    )
    ddl.change(editor, "ALTER TABLE django_admin_log VALIDATE CONSTRAINT django_admin_log_user_id_fkey")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("separation", "0001_initial"),
        ("accounts", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("customers", "0002_extend_profiles"),
        ("menus", "0002_restaurant"),
        ("reservations", "0002_customer"),
        ("orders", "0002_customer"),
    ]

    operations = [migrations.RunPython(add, remove)]
