"""`manage.py send_queued_mail`: takes the place of the package's command, which knows nothing of our links."""

from typing import Any

from portal.management.commands.mail_worker import Command as MailWorker


class Command(MailWorker):
    """The same as `mail_worker --once`."""

    help = "The same as `mail_worker --once`, which it is better to call."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is due now."""
        super().handle(*args, **{**options, "once": True})
