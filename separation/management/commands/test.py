"""`manage.py test`: Django's, refused on production."""

from django.core.management.commands.test import Command as DjangoTest

from separation.guarded import Guarded


class Command(Guarded, DjangoTest):
    """Django's own command, wherever there is nothing to lose."""

    destroys = "test makes a database of tests on the same server, and may drop one of that name"
