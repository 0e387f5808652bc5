from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("separation", "0015_closed"), ("reservations", "0003_booking")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="finding",
                    name="kind",
                    field=models.CharField(
                        choices=[
                            ("staff_marked_as_customer", "staff marked as customer"),
                            ("duplicate_email", "duplicate email"),
                            ("invalid_email", "invalid email"),
                            ("needs_password_reset", "needs a password reset"),
                            ("orphan", "reservation or order of a user who does not exist"),
                            ("no_restaurant", "recipe or menu whose restaurant cannot be told"),
                            ("restaurant_mismatch", "order at another restaurant than its reservation"),
                            ("row_failed", "could not be moved"),
                            ("deleted_meanwhile", "deleted by the old application meanwhile"),
                            ("no_user", "row of an earlier attempt whose customer is not in users"),
                            ("truncated", "table emptied by TRUNCATE"),
                            ("set_aside", "data of a customer who is none any more, or cannot be"),
                            ("drift", "broken by what was written since, as a verification found"),
                            ("overbooked", "booking by the old application beyond what its restaurant takes"),
                        ],
                        max_length=40,
                    ),
                ),
            ],
        ),
    ]
