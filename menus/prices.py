"""Prices as people typed them, read as amounts where there is no doubt."""

import re
import unicodedata
from decimal import Decimal

# With thousands parted by one sign throughout, or without; then cents, or the dash that says there are none.
_NUMBER = re.compile(
    r"(?P<whole>[0-9]{1,3}(?P<by>[.,'’ ])[0-9]{3}(?:(?P=by)[0-9]{3})*|[0-9]{1,7})(?![0-9])"
    r"(?:(?!(?P=by))[.,](?P<cents>[0-9]{1,2}|[-–—]{1,2}))?"
)
# What may stand before or behind a number and says only in which money it is.
_MONEY = re.compile(
    r"(eur|euros?|usd|dollars?|gbp|pounds?|chf|s?fr|cad|aud|nzd|jpy|sek|nok|dkk|isk|kr|pln|zł|czk|kč|huf|ft|ron|lei|try|tl"
    r"|inr|rs|brl|mxn|zar)?\.?",
    re.IGNORECASE,
)


def amount_of(price: str | None) -> Decimal | None:
    """Return what PRICE says if it is one amount and no more, such as `12,50 €`; else None: `MP`, `8/14`, `from 9`."""
    text = unicodedata.normalize("NFKC", price or "").strip()
    found = _NUMBER.search(text)
    if not found or not (_is_money(text[: found.start()]) and _is_money(text[found.end() :])):
        return None
    if found["by"] and found["whole"].startswith("0"):
        return None  # no thousand begins with 0: `0.500` is something else
    cents = found["cents"] or ""
    return Decimal(f"{re.sub('[^0-9]', '', found['whole'])}.{cents.ljust(2, '0') if cents.isdigit() else '00'}")


def _is_money(text: str) -> bool:
    word = text.strip()
    return bool(_MONEY.fullmatch(word)) or all(unicodedata.category(character) == "Sc" for character in word)
