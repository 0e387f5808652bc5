"""`manage.py flush`: Django's, refused on production."""

from django.core.management.commands.flush import Command as DjangoFlush

from separation.guarded import Guarded


class Command(Guarded, DjangoFlush):
    """Django's own command, wherever there is nothing to lose."""

    destroys = "flush empties every table"
