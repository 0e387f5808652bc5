"""`manage.py loaddata`: Django's, refused on production."""

from django.core.management.commands.loaddata import Command as DjangoLoadData

from separation.guarded import Guarded


class Command(Guarded, DjangoLoadData):
    """Django's own command, wherever there is nothing to lose."""

    destroys = "loaddata writes over the rows that have the ids of a fixture"
