"""Finding customers by what staff have in hand: a name, a part of an email, some digits of a phone, a number.

What is asked here is answered by one index (`customers/sql/search.sql`), whatever the number of customers.
"""

import re
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Lower
from django.db.models.lookups import GreaterThan

from config.scoping import COUNTED_ROWS
from customers.models import Customer, CustomerRestaurant

_PHONE = re.compile(r"\+?[\d\s()./-]*\d[\d\s()./-]*")
_FEWEST_DIGITS = 4
# An index of three characters in a row says of shorter words only what begins with them.
_WHOLE = 3
_MOST_WORDS, _LONGEST_WORD = 10, 100
_HIGHEST = 2**31


def customers_found(queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return the customers of QUERYSET who match TEXT: as a phone or a number if it looks like one, else by every word.

    A word of one or two letters is one that a name or the email begins with. Of more matches than a list counts some
    are left out: that many lead nobody to a customer. Without a word everybody is found.
    """
    text = text.replace("\0", "").strip()
    if not text:
        return queryset
    matches = queryset.order_by().alias(search_text=_TEXT, search_keys=_keys(F("search_text")))
    for condition in _conditions(text):
        matches = matches.filter(condition)
    return queryset.filter(pk__in=matches.values("pk")[: COUNTED_ROWS + 1])


def customers_by_phone(restaurants: frozenset[int] | None, digits: str) -> QuerySet[Customer]:
    """Return the customers with these DIGITS in their phone number whom one of RESTAURANTS knows, or any for None.

    Whatever else stands between the digits does not count, nor do zeros before them. Fewer than four find nobody.
    """
    bare = re.sub(r"\D", "", digits)
    if len(bare) < _FEWEST_DIGITS:
        return Customer.objects.none()
    customers = Customer.objects.alias(search_text=_TEXT, search_keys=_keys(F("search_text")), number=_DIGITS)
    if restaurants is not None:
        known = CustomerRestaurant.objects.filter(customer=OuterRef("pk"), restaurant__in=restaurants)
        customers = customers.filter(Exists(known))
    bare = bare.lstrip("0") or bare
    return customers.filter(_has(bare), number__contains=bare)


def _conditions(text: str) -> list[Q]:
    if not _PHONE.fullmatch(text):
        return [_has(word[:_LONGEST_WORD]) for word in text.split()[:_MOST_WORDS]]
    digits = re.sub(r"\D", "", text)
    by_number = Q(pk=int(digits)) if len(digits) < 11 and int(digits) < _HIGHEST else Q(pk__in=())
    if len(digits) < _FEWEST_DIGITS:
        return [by_number]
    return [by_number | _has((digits.lstrip("0") or digits)[:_LONGEST_WORD])]


def _has(word: str) -> Q:
    """Return that the text of a customer has WORD; the keys find candidates by the index, the text decides."""
    wanted = Lower(Value(word if len(word) >= _WHOLE else f"  {word}"))
    found = Func(F("search_text"), wanted, function="strpos", output_field=IntegerField())
    return Q(GreaterThan(found, 0), search_keys__contains=_keys(wanted))


def _keys(text: Any) -> Func:
    return Func(text, function="customer_search_keys", output_field=ArrayField(TextField()))


_TEXT = Func(
    *map(F, ("first_name", "last_name", "email", "phone")),
    function="customer_search_text",
    output_field=TextField(),
)
_DIGITS = Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=TextField())
