"""`manage.py reset_db`: known from django-extensions; refused on production, and nowhere needed."""

from typing import Any

from separation.errors import UsageFault
from separation.guarded import Guarded


class Command(Guarded):
    """Say what to type instead: no command of this project drops a database with something in it."""

    help = "Refused on production. Elsewhere says what to type: python manage.py flush, or dropdb."
    destroys = "reset_db drops the database"

    def run(self, **options: Any) -> int:
        """Refuse on production; raises UsageFault elsewhere."""
        super().run(**options)
        raise UsageFault(
            "This project has no reset_db: flush empties the tables, and who may drop databases has dropdb.",
            "python manage.py flush",
        )
