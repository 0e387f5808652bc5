from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("separation", "0016_overbooked")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "finding",
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("staff", "is staff, and stays in users"),
                            ("customer", "is a customer, and moves"),
                            ("both", "is both, and moves; the row in users stays at clean-up"),
                            ("merge", "merged into another person"),
                            ("keep", "moves, of all with this email"),
                            ("left", "stays in users, since another with this email moves"),
                            ("rename", "given another email"),
                            ("mail", "mailed a link that sets a password"),
                            ("assign", "given to a user who exists"),
                            ("archive", "of nobody; stays with its restaurant, as history"),
                            ("place", "given a restaurant"),
                            ("follow", "moved to the restaurant of its reservation"),
                            ("untie", "belongs to no reservation any more"),
                        ],
                        db_default="",
                        default="",
                        max_length=20,
                    ),
                ),
            ],
        ),
    ]
