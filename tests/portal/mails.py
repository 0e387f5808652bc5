"""The mails that are queued, and the tokens of the links in them as they would be delivered."""

from post_office.models import Email

from config.links import link_for


def queued() -> list[tuple[str, str]]:
    """Return to whom which mail is queued, in order."""
    return [(email.to[0], email.context["template"]) for email in Email.objects.order_by("id")]


def delivered(number: int = -1) -> str | None:
    """Return the token of the link in a queued mail, the last by default, or None if it would not be sent any more."""
    email = list(Email.objects.order_by("id"))[number]
    ((purpose, argument),) = email.context["links"].values()
    address = link_for(purpose, argument, email.to[0])
    return address and address.rpartition("/")[2]


def token(number: int = -1) -> str:
    """Return the token of the link in a queued mail that would be sent."""
    found = delivered(number)
    assert found is not None
    return found
