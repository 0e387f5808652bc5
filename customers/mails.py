"""The mails of a customer's account, in the platform's name.

None greets by name: until an address is proved, what was typed as a name may be anything, and meant for somebody else.
Each is queued in the caller's transaction, and holds no token: links are signed when a mail is delivered, if they still
make sense then (`customers/links.py`).
"""

from config.mail import mail_queue
from config.masking import mask_email
from customers.models import Customer


def mail_verification(*, to: str) -> None:
    """Ask whoever reads the mail of TO to prove it; not delivered if nobody who has to prove it has that address."""
    mail_queue(to=to, template="verify-email", context={})


def mail_welcome(customer: Customer) -> None:
    """Welcome somebody whose address is proved."""
    mail_queue(to=customer.email, template="welcome", context={})


def mail_account_exists(*, to: str) -> None:
    """Explain to the owner of an address why somebody could not register with it."""
    mail_queue(to=to, template="account-exists", context={})


def mail_password_reset(*, to: str) -> None:
    """Send the link that sets a new password; not delivered if nobody has that address."""
    mail_queue(to=to, template="reset-password", context={})


def mail_password_changed(customer: Customer) -> None:
    """Tell a customer of the new password."""
    mail_queue(to=customer.email, template="password-changed", context={})


def mail_email_confirmation(customer: Customer, *, to: str) -> None:
    """Ask whoever reads the mail of TO whether it shall be the customer's address."""
    mail_queue(to=to, template="confirm-email", context={"customer_id": customer.pk})


def mail_email_taken(*, to: str) -> None:
    """Explain to the owner of an address that somebody wanted it for another account."""
    mail_queue(to=to, template="email-taken", context={})


def mail_email_change_asked(customer: Customer, *, new_email: str) -> None:
    """Tell the address of an account that another one shall take its place, and how to stop that."""
    mail_queue(to=customer.email, template="email-change-asked", context={"new_email": mask_email(new_email)})


def mail_email_changed(*, to: str, new_email: str) -> None:
    """Tell the former address of an account that it is that no more."""
    mail_queue(to=to, template="email-changed", context={"new_email": mask_email(new_email)})


def mail_deactivated(customer: Customer) -> None:
    """Say goodbye, with the link that opens the account again."""
    customer.refresh_from_db(fields=["updated_at"])
    mail_queue(to=customer.email, template="deactivated", context={"since": str(customer.updated_at)})


def mail_session_theft(customer: Customer) -> None:
    """Tell a customer that somebody else used one of their log-ins, which was ended."""
    mail_queue(to=customer.email, template="session-theft", context={})
