from django.db import migrations

from config import ddl

INDEX = "reservations_guest_email_idx"
# What guests booked whose address nobody has proved yet: found by that address when somebody does.
GUESTS = "ON reservations (lower(customer_email)) WHERE customer_id IS NULL AND source = 'portal_guest'"


def add(apps, editor):
    """Find a guest's bookings without reading all there ever were."""
    ddl.add_index(editor, INDEX, GUESTS)


def remove(apps, editor):
    """Do without."""
    ddl.drop_added_index(editor, INDEX)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reservations", "0003_booking")]

    operations = [migrations.RunPython(add, remove)]
