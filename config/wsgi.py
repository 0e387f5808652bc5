"""The WSGI application, for gunicorn and the development server."""

import os

from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created

from config.connections import be_missed, close_lost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
connection_created.connect(be_missed)
request_started.connect(close_lost)
