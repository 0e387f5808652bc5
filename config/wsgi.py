"""The WSGI application, for gunicorn and the development server."""

import os

from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application

from config.connections import close_lost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
request_started.connect(close_lost)
