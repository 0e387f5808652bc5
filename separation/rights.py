"""Who may do what with findings.

A SUPERADMIN everything. Whoever owns restaurants (or is an ADMIN there) sees the findings of the kinds below whose rows
all lie in those: the person, with everybody who has the same email, and all their bookings, orders, links and dishes;
the booking, or the order with its reservation; the menu or recipe, or as long as it is at no restaurant its author.
What they may answer stands beside each kind. An email is not among it: it is what proves who an account's owner is, on
the whole platform. What nobody can say whose restaurant it concerns (rows of an earlier attempt, emptied tables, broken
relations, what was set aside, who was deleted) a SUPERADMIN alone sees.
"""

from config.rights import OWNER
from separation.decisions import ANSWERS, DUPLICATE, INVALID, MISMATCH, NO_RESTAURANT, ORPHAN, PASSWORD, STAFF
from separation.models import Finding

FINDINGS = {"view": OWNER, "settle": OWNER}
OWNERS_ANSWER = {
    STAFF: ANSWERS[STAFF],
    DUPLICATE: (Finding.MERGE, Finding.KEEP),
    INVALID: (),
    PASSWORD: ANSWERS[PASSWORD],
    ORPHAN: ANSWERS[ORPHAN],
    NO_RESTAURANT: ANSWERS[NO_RESTAURANT],
    MISMATCH: ANSWERS[MISMATCH],
    "overbooked": (),
}
