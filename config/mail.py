"""Mail to customers: rendered, and queued in the transaction that causes it; `manage.py mail_worker` sends it.

A queued mail holds no link that is worth anything: `{% signed_link "purpose" argument %}` leaves the address of a host
that cannot exist, with a number nobody can guess, and what is to stand there is signed at delivery (`config/links.py`).
Whatever somebody types into a name or a note can therefore not become a link. Nor does it hold a file: files are made
at delivery, too (`config/attachments.py`).
"""

import logging
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import make_msgid, parseaddr, quote
from typing import Any

from django import template as django_template
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template import Context, Engine
from post_office.models import PRIORITY, STATUS, Email

from config import attachments
from config.links import is_registered

# Named among the templates' builtins: no template has to load it.
register = django_template.Library()
_log = logging.getLogger(__name__)

_LINKS = "mail_links"
# No quotes, though they may stand in an address: a comma between them would make two of it.
_ADDRESS = re.compile(r"[^\s\",;:<>()\[\]\\]{3,254}")
_NAME_AT_MOST = 100
_SUBJECT_AT_MOST = 200


def mail_queue(
    *,
    to: str,
    template: str,
    context: Mapping[str, Any],
    sender: str = "",
    reply_to: str = "",
    expires_at: datetime | None = None,
    files: Sequence[tuple[str, object]] = (),
) -> None:
    """Queue a mail to TO in the caller's transaction: undone with it, sent only after its commit.

    Made of `mail/TEMPLATE.subject.txt`, `.txt` and `.html`, in the name SENDER of a restaurant; answers go to REPLY_TO.
    After EXPIRES_AT it is not sent any more. FILES are what is attached at delivery: kinds, and what each is about. To
    what cannot be an address, nothing is queued, and the log says so. Raises ValueError for a kind that no app makes.
    """
    if unknown := [kind for kind, _ in files if not attachments.is_registered(kind)]:
        raise ValueError(f"No app makes files of kind {unknown[0]!r}.")
    if not is_address(to):
        _log.warning("No mail %r was queued: there is no address that mail could go to.", template)
        return
    links: dict[str, list[str]] = {}
    values = {**context, "sender": one_line(sender), _LINKS: links}
    headers = {"Auto-Submitted": "auto-generated"}
    if is_address(reply_to):
        headers["Reply-To"] = reply_to
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    email = Email(
        from_email=from_line(sender),
        to=[to],
        subject=one_line(_render(f"mail/{template}.subject.txt", values, autoescape=False))[:_SUBJECT_AT_MOST],
        message=_tidy(_render(f"mail/{template}.txt", values, autoescape=False)),
        html_message=_render(f"mail/{template}.html", values, autoescape=True),
        headers=headers,
        message_id=make_msgid(domain=address.rpartition("@")[2]),
        # What the placeholders stand for, never a token; and what is to be attached, never the file.
        context={"template": template, "links": links}
        | ({"files": [[kind, str(argument)] for kind, argument in files]} if files else {}),
        status=STATUS.queued,
        priority=PRIORITY.medium,
        expires_at=expires_at,
    )
    # Not `save()`, and not the package's `send()`, which would take what somebody typed for a template.
    Email.objects.bulk_create([email])


def is_address(text: str) -> bool:
    """Tell whether mail can go to TEXT: one address, and nothing beside it."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return bool(_ADDRESS.fullmatch(text))


def from_line(sender: str) -> str:
    """Return whom a mail is from: MAIL_FROM, in the name of SENDER if it has one."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    name = one_line(sender)[:_NAME_AT_MOST].strip() or name
    return f'"{quote(name)}" <{address}>' if name else address


def one_line(text: str) -> str:
    """Return TEXT without line breaks and control characters, which must never get into a header."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)
    return " ".join("".join(kept).split())


@register.simple_tag(takes_context=True)
def signed_link(context: Context, purpose: str, argument: object) -> str:
    """Leave a placeholder for a link for PURPOSE about ARGUMENT; raises ValueError if no app makes such links."""
    if not is_registered(purpose):
        raise ValueError(f"No app makes links for {purpose!r}.")
    links: dict[str, list[str]] = context[_LINKS]
    wanted = [purpose, str(argument)]
    for placeholder, given in links.items():
        if given == wanted:
            return placeholder
    placeholder = f"https://link.invalid/{secrets.token_hex(16)}"
    links[placeholder] = wanted
    return placeholder


def _render(name: str, values: Mapping[str, Any], *, autoescape: bool) -> str:
    text = Engine.get_default().get_template(name).render(Context(dict(values), autoescape=autoescape))
    return text.replace("\0", "")  # which PostgreSQL cannot hold


def _tidy(text: str) -> str:
    """Return a plain text without the empty lines that templates leave."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)).strip() + "\n"
