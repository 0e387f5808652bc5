"""Finding customers by what staff have in hand: a name, a part of an email, some digits of a phone, a number.

What is asked here is answered by one index (`customers/sql/search.sql`), whatever the number of customers.
"""

import re
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact, GreaterThan

from config.scoping import COUNTED_ROWS
from config.sql import Queries
from customers.models import Customer, CustomerRestaurant

_SQL = Queries(settings.BASE_DIR / "customers" / "sql" / "search.sql")
# What more than this share of all customers have is looked for among whom a restaurant knows, without the index.
COMMON = 0.005
# Where all are looked among: what so many have is found sooner by reading on until a list is full.
EVERYWHERE = 0.1
_PHONE = re.compile(r"\+?[\d\s()./-]*\d[\d\s()./-]*")
_FEWEST_DIGITS = 4
# An index of three characters in a row says of shorter words only what begins with them.
_WHOLE = 3
_MOST_WORDS, _LONGEST_WORD = 10, 100
_HIGHEST = 2**31
_IDS = ArrayField(IntegerField())


class _Among(Exact):
    """Whether a value is in an array that is read once, before; the planner then comes from the array."""

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        """Return the comparison."""
        return f"= ANY({rhs})"


def customers_found(queryset: QuerySet[Any], text: str, *, restaurants: frozenset[int] | None = None) -> QuerySet[Any]:
    """Return the customers of QUERYSET who match TEXT: as a phone or a number if it looks like one, else by every word.

    A word of one or two letters is one that a name or the email begins with. Of more matches than a list counts some
    are left out: that many lead nobody to a customer. Without a word everybody is found. Where QUERYSET is whom
    RESTAURANTS know, say so: of a word that very many have, as `gmail`, those are looked at, and not all who have it.
    """
    text = text.replace("\0", "").strip()
    if not text:
        return queryset
    common = _rarest(text.split()[:_MOST_WORDS]) > (EVERYWHERE if restaurants is None else COMMON)
    matches = queryset.order_by().alias(search_text=_TEXT, search_keys=_keys(F("search_text")))
    if common and restaurants is not None:
        known = CustomerRestaurant.objects.filter(restaurant__in=restaurants).values("customer_id")
        matches = matches.filter(_Among(F("pk"), ArraySubquery(known)))
    for condition in _conditions(text, by_index=not common):
        matches = matches.filter(condition)
    found = matches.values_list("pk", flat=True)[: COUNTED_ROWS + 1]
    # A list asks twice, for its number and its rows: what takes longer is looked at once.
    return queryset.filter(_Among(F("pk"), Value(list(found), _IDS)) if common else Q(pk__in=found))


def customers_by_phone(restaurants: frozenset[int] | None, digits: str) -> QuerySet[Customer]:
    """Return the customers with these DIGITS in their phone number whom one of RESTAURANTS knows, or any for None.

    Whatever else stands between the digits does not count, nor do zeros before them. Fewer than four, or than
    three behind those zeros, find nobody.
    """
    typed = re.sub(r"\D", "", digits)
    bare = typed.lstrip("0")
    if len(typed) < _FEWEST_DIGITS or len(bare) < _WHOLE:
        return Customer.objects.none()
    customers = Customer.objects.alias(search_text=_TEXT, search_keys=_keys(F("search_text")), number=_DIGITS)
    if restaurants is not None:
        known = CustomerRestaurant.objects.filter(customer=OuterRef("pk"), restaurant__in=restaurants)
        customers = customers.filter(Exists(known))
    return customers.filter(_has(bare), number__contains=bare)


def _conditions(text: str, *, by_index: bool = True) -> list[Q]:
    if not _PHONE.fullmatch(text):
        return [_has(word[:_LONGEST_WORD], by_index=by_index) for word in text.split()[:_MOST_WORDS]]
    digits = re.sub(r"\D", "", text)
    by_number = Q(pk=int(digits)) if len(digits) < 11 and int(digits) < _HIGHEST else Q(pk__in=())
    if len(digits) < _FEWEST_DIGITS:
        return [by_number]
    return [by_number | _has((digits.lstrip("0") or digits)[:_LONGEST_WORD], by_index=by_index)]


def _has(word: str, *, by_index: bool = True) -> Q:
    """Return that the text of a customer has WORD; the keys find candidates by the index, the text decides."""
    wanted = Lower(Value(word if len(word) >= _WHOLE else f"  {word}"))
    found = Q(GreaterThan(Func(F("search_text"), wanted, function="strpos", output_field=IntegerField()), 0))
    return found & Q(search_keys__contains=_keys(wanted)) if by_index else found


def _rarest(words: list[str]) -> float:
    """Return the share of customers who have the rarest three characters of WORDS."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL.rarest, {"words": [word[:_LONGEST_WORD] for word in words]})
        (share,) = cursor.fetchone() or (0,)
    return float(share)


def _keys(text: Any) -> Func:
    return Func(text, function="customer_search_keys", output_field=ArrayField(TextField()))


_TEXT = Func(
    *map(F, ("first_name", "last_name", "email", "phone")),
    function="customer_search_text",
    output_field=TextField(),
)
_DIGITS = Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=TextField())
