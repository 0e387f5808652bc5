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


def is_in_other_money(price: str | None) -> bool:
    """Return whether PRICE is one amount, and says of a money that is not the dollar: `12 €`, `12 chf`."""
    text = unicodedata.normalize("NFKC", price or "")
    return amount_of(text) is not None and bool(re.sub(r"[0-9.,'’$\s–—-]|usd|dollars?", "", text.lower()))


def _is_money(text: str) -> bool:
    word = text.strip()
    return bool(_MONEY.fullmatch(word)) or all(unicodedata.category(character) == "Sc" for character in word)


def printed(price: str | None, *, dollar_sign: bool, bare: bool, decimals: bool) -> str:
    """Return PRICE as a menu shows it: with or without the dollar sign, and without cents that are none.

    Only what is one amount is touched: `MP` and `8/14` stay as they were typed, and so does any other money's sign. A
    number without a sign stays BARE, or gets the dollar's.
    """
    text = (price or "").strip()
    if amount_of(text) is None:
        return text
    if not decimals:
        text = re.sub(r"[.,](?:00|[-–—]{1,2})(?![0-9])", "", text)
    if not dollar_sign:
        return text.replace("$", "").strip()
    return f"${text}" if not bare and re.fullmatch(r"[0-9.,'’ -]+", text) else text
