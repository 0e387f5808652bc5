"""What the booking services refuse: each a stable `code` of the API."""

from config.api.problems import DomainError


class BookingRefused(DomainError):
    """Whatever a booking is refused for; the subclasses say why."""

    status = 422


class BookingOffline(BookingRefused):
    """The restaurant takes no bookings online: it switched that off, is inactive, or has no opening hours."""

    code = "booking_offline"
    title = "No booking online"


class Closed(BookingRefused):
    """The restaurant is closed that day."""

    code = "closed"
    title = "Closed that day"


class OutsideHours(BookingRefused):
    """That time is none of the day's slots: the restaurant is closed then or about to, or slots begin at others."""

    code = "outside_hours"
    title = "No table is booked for that time"


class TooSoon(BookingRefused):
    """That time has passed, or is nearer than the restaurant's minimum notice."""

    code = "too_soon"
    title = "Too soon"


class TooFar(BookingRefused):
    """That time is further ahead than the restaurant takes bookings."""

    code = "too_far"
    title = "Too far ahead"


class PartyTooSmall(BookingRefused):
    """The party is smaller than the restaurant takes online."""

    code = "party_too_small"
    title = "Party too small"


class PartyTooLarge(BookingRefused):
    """The party is larger than the restaurant takes online."""

    code = "party_too_large"
    title = "Party too large"


class SlotFull(BookingRefused):
    """There is no room for the party at that time."""

    code = "slot_full"
    title = "No table left at that time"


class DayFull(BookingRefused):
    """There is no room for the party on that day, at whatever time."""

    code = "day_full"
    title = "No table left that day"


class PastCutoff(BookingRefused):
    """It is too late to change or cancel this booking online; the restaurant can still be called."""

    code = "past_cutoff"
    title = "Too late to do that online"


class NotChangeable(DomainError):
    """Only a confirmed booking that has not begun can be changed or cancelled."""

    status = 409
    code = "not_changeable"
    title = "Cannot be changed"


class BeyondPolicy(DomainError):
    """Beyond what the restaurant has said that it takes, `errors` says in what: staff may, with `override`."""

    status = 409
    code = "beyond_policy"
    title = "Beyond what the restaurant takes"


class UnknownCustomer(DomainError):
    """The restaurant does not know this customer: book with a name and a phone number."""

    code = "unknown_customer"
    title = "Not a customer of this restaurant"


class AccountClosed(DomainError):
    """The account was deactivated or anonymised meanwhile."""

    status = 409
    code = "account_closed"
    title = "The account is closed"


class IdempotencyMismatch(DomainError):
    """This Idempotency-Key was sent before, with another request: use a new key for a new request."""

    status = 422
    code = "idempotency_mismatch"
    title = "Idempotency-Key used before"


class InProgress(DomainError):
    """A request with this Idempotency-Key is still being worked on: send the same again after `Retry-After`."""

    status = 409
    code = "in_progress"
    title = "Still in progress"
