#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db.backends.signals import connection_created

    from config.connections import be_missed
    from config.embedded_postgres import ServerUnavailable

    connection_created.connect(be_missed)
    try:
        execute_from_command_line(sys.argv)
    except ServerUnavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
