"""`python -m config.embedded_postgres stop|remove`: stop this checkout's servers, and delete their data."""

import os
import sys

USAGE = "Usage: python -m config.embedded_postgres stop|remove\n"


def main(arguments: list[str]) -> int:
    """Stop every server of this checkout, in use or not; with `remove`, delete its data too."""
    if arguments not in (["stop"], ["remove"]):
        sys.stderr.write(USAGE)
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.embedded_postgres.server import existing_servers

    for server in existing_servers():
        server.stop()
        if arguments == ["remove"]:
            server.place.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
