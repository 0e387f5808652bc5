"""`manage.py testserver`: Django's, refused on production."""

from django.core.management.commands.testserver import Command as DjangoTestServer

from separation.guarded import Guarded


class Command(Guarded, DjangoTestServer):
    """Django's own command, wherever there is nothing to lose."""

    destroys = "testserver makes a database of tests on the same server, and may drop one of that name"
