"""`manage.py sqlflush`: Django's, refused on production."""

from django.core.management.commands.sqlflush import Command as DjangoSqlFlush

from separation.guarded import Guarded


class Command(Guarded, DjangoSqlFlush):
    """Django's own command, wherever there is nothing to lose."""

    destroys = "sqlflush writes the SQL that empties every table"
