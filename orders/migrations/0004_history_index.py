from django.db import migrations

from config import ddl

INDEX = "django_admin_log_object_id_idx"


def add(apps, editor):
    """Index the admin's history by what it is about: a busy evening adds a thousand lines, and each order shows its own."""
    ddl.add_index(editor, INDEX, "ON django_admin_log (object_id, content_type_id)")


def remove(apps, editor):
    """Take the index away again."""
    ddl.drop_added_index(editor, INDEX)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("orders", "0003_keep_visits"),
    ]

    operations = [migrations.RunPython(add, remove)]
