"""A real SMTP server in this process, which keeps what it is given and answers as a test says."""

import socket
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class SMTPServer:
    """Listens on a port of its own while it is up; `answers` maps a recipient, or DATA, to what is said instead."""

    def __init__(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self.received: list[tuple[list[str], EmailMessage]] = []
        self.answers: dict[str, str] = {}
        # Called once a mail is kept, before that is answered.
        self.on_mail: Callable[[], object] = lambda: None
        self._controller: Controller | None = None

    def start(self) -> None:
        """Come up."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=30)
        self._controller.start()

    def stop(self) -> None:
        """Go down, if it is up."""
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        """Take a recipient, or not."""
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail, or refuse it."""
        if "DATA" in self.answers:
            return self.answers["DATA"]
        mail = message_from_bytes(cast(bytes, envelope.content), policy=default)
        self.received.append((list(envelope.rcpt_tos), mail))
        self.on_mail()
        return "250 OK"
