"""Commands of others that can destroy data, behind one interlock: none of them works on a production database.

They are Django's own, and `reset_db` of django-extensions where that is installed. Ours are found first because
`separation` is the first of INSTALLED_APPS; no option of theirs is looked at before the database is.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from separation.console import Command
from separation.environment import refuse_on_production

_NEXT = "python manage.py environment --set staging, if nobody works with this database"


class Guarded(Command):
    """What comes before the command that a subclass inherits from beside this one; DESTROYS says what it would do."""

    destroys: str

    def handle(self, *args: Any, **options: Any) -> Any:
        """Exit with 3 if the database counts as production, and else do what the other class does."""
        super().handle(database=options.get("database") or DEFAULT_DB_ALIAS)
        return super(Command, self).handle(*args, **options)

    def run(self, **options: Any) -> int:
        """Raise Refused if the database counts as production."""
        refuse_on_production(connections[options["database"]], self.destroys, _NEXT)
        return 0
