"""Finding customers by what staff have in hand: a name, a part of an email, some digits of a phone, a number."""

import re
from typing import Any

from django.db.models import F, Func, Q, QuerySet, TextField, Value

_PHONE = re.compile(r"\+?[\d\s()./-]*\d[\d\s()./-]*")
_FEWEST_DIGITS = 4


def search_customers(queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return the customers who match TEXT: as a phone or a number if it looks like one, else by every word of it."""
    if _PHONE.fullmatch(text.strip()):
        return _by_number(queryset, re.sub(r"\D", "", text))
    for word in text.split():
        queryset = queryset.filter(
            Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(email__icontains=word)
        )
    return queryset


def _by_number(queryset: QuerySet[Any], digits: str) -> QuerySet[Any]:
    matches = Q(pk=int(digits)) if len(digits) < 19 else Q()
    if len(digits) >= _FEWEST_DIGITS:
        bare = Func(
            F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=TextField()
        )
        queryset = queryset.alias(phone_digits=bare)
        matches |= Q(phone_digits__contains=digits.lstrip("0") or digits) | Q(email__contains=digits)
    return queryset.filter(matches)
