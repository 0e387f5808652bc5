"""What people typed as a price, and whether it is an amount."""

import pytest

from menus.prices import amount_of

AMOUNTS = {
    "12": "12.00",
    "12.5": "12.50",
    "12,50 €": "12.50",
    "€ 12,5": "12.50",
    "£9": "9.00",
    "$0.95": "0.95",
    " 14.00 ": "14.00",
    "12.–": "12.00",
    "CHF 12.-": "12.00",
    "12,-- EUR": "12.00",
    "1.234,50": "1234.50",
    "1,234.50": "1234.50",
    "1'234.50": "1234.50",
    "1 234 kr": "1234.00",
    "1,234,567": "1234567.00",
    "¥1,200": "1200.00",
    "Rs. 120": "120.00",
    "39 zł": "39.00",
    "12 €": "12.00",
    "１２．５０": "12.50",
    "0": "0.00",
}
NONE = [
    *(None, "", " ", "MP", "market price", "8/14", "8 / 14", "8-14", "from 9", "9 each", "12.345.67", "0.500", "-5"),
    *("12.5.1", "1.234.5", "12345678", "12 g", "2 x 8", "12€ 14€", "١٢", "€", "twelve", "12\x00", "1e3", "12%"),
]


@pytest.mark.parametrize(("price", "amount"), AMOUNTS.items())
def test_one_amount_is_read(price: str, amount: str) -> None:
    assert str(amount_of(price)) == amount


@pytest.mark.parametrize("price", NONE)
def test_anything_else_is_left_to_the_reader(price: str | None) -> None:
    assert amount_of(price) is None
