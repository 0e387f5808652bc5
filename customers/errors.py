"""What the portal refuses a customer, beside fields that are not right."""

from config.api.problems import DomainError


class AddressTaken(DomainError):
    """The email address belongs to another account by now, or to somebody who works for a restaurant."""

    status = 409
    code = "email_taken"
    title = "This address belongs to another account"
