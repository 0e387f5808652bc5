"""Findings and their answers, in words for whoever settles them."""

from separation.answers import UNDO
from separation.models import Finding

# What a finding means, and what to do about it.
MEANS = {
    "staff_marked_as_customer": (
        "The old application marks this person as a customer, and yet they work here: by role, by a restaurant's staff "
        "list, or as author of menus or recipes. Until somebody says what they are, they are not moved.",
        "Ask the restaurant, then say so below.",
    ),
    "duplicate_email": (
        "Several customers have this email, in one spelling or another. An account has an address of its own, so none "
        "of them is moved until somebody says whether they are one person.",
        "Compare them below: the same name and phone number speak for one person.",
    ),
    "invalid_email": (
        "What stands in place of this customer's email is no address, so nobody could log in with it.",
        "Ask the customer for an address, by phone if there is a number. A SUPERADMIN then gives it.",
    ),
    "needs_password_reset": (
        "This customer's password is in a form that nobody can read, so they cannot log in. All else was moved.",
        "Mail them a link that sets a new password. The finding closes by itself once they have set one.",
    ),
    "orphan": (
        "This booking is of a user who does not exist any more.",
        "If you can tell whose it is, give it to them. If nobody can, archive it.",
    ),
    "no_restaurant": (
        "Whoever wrote this works at several restaurants, or at none, so nobody can tell whose it is.",
        "Say at which restaurant it is.",
    ),
    "restaurant_mismatch": (
        "This order is at another restaurant than the reservation it belongs to.",
        "Look at both: if the order was taken at the restaurant of the reservation, it follows it; if the two have "
        "nothing to do with each other, untie them.",
    ),
    "row_failed": (
        "This customer could not be moved; the detail says what the database answered.",
        "Put that right in the old application. The next execute moves them: python manage.py migrate_customers "
        "--execute",
    ),
    "deleted_meanwhile": (
        "The old application deleted this person while customers were being moved, and so they are gone here, too.",
        "Nothing is to be done.",
    ),
    "no_user": (
        "An earlier attempt left this row in customers, and no user has its email.",
        "Find out who that was. If they are to be a customer, let them register; else leave the row: it is nobody's.",
    ),
    "truncated": (
        "Somebody emptied a whole table in the old application, which does not say what was in it.",
        "If it was a mistake, restore it from the backup. Then: python manage.py verify_separation",
    ),
    "set_aside": (
        "This person is no customer any more, or cannot be; what only the new tables knew of them is in the detail.",
        "Make them a customer again in the old application, and all of it is given back. Else nothing is to be done.",
    ),
    "drift": (
        "A verification found that what was written since does not fit; the detail names what it compared.",
        "See what it says of this row: python manage.py verify_separation",
    ),
    "overbooked": (
        "The old application booked beyond what the restaurant takes at that time; the detail has the figures.",
        "Make room, or call the guests. The next verification after that closes it.",
    ),
}
# What a button says, and what it does.
SAYS = {
    Finding.STAFF: ("Is staff", "Logs in as staff, stays in users, and is asked about no more."),
    Finding.CUSTOMER: ("Is a customer", "Moves with all bookings. At clean-up, the row in users goes."),
    Finding.BOTH: ("Is both", "Moves with all bookings. At clean-up, the row in users stays, as staff."),
    Finding.MERGE: (
        "Is the same person as …",
        "Bookings, orders and restaurants become the other's; what is empty in the other's profile is filled.",
    ),
    Finding.KEEP: ("Keep this one", "This one moves; the others with this email stay in users only."),
    Finding.RENAME: ("Give another email", "For both applications. Whoever shared the old one is looked at again."),
    Finding.MAIL: ("Mail a link that sets a password", "To the customer's address, once. A mail cannot be taken back."),
    Finding.ASSIGN: ("Give it to …", "It is that user's, and counts among their visits."),
    Finding.ARCHIVE: ("Archive it", "Nobody's: it stays with the restaurant, as history, and is asked about no more."),
    Finding.PLACE: ("Is at …", "Staff of that restaurant see it from then on."),
    Finding.FOLLOW: ("Follows its reservation", "The order is at the restaurant of its reservation."),
    Finding.UNTIE: ("Untie it", "The order stays where it is, and belongs to no reservation."),
    UNDO: ("Take it back", "All that it did is undone, and the finding is open again."),
}
