"""What staff type when they take orders."""

from decimal import Decimal
from typing import Any

from django import forms

from menus.prices import amount_of
from orders.models import Order
from orders.modifiers import modifiers_typed
from orders.services import MOST_FOR_ONE, MOST_OF_ONE


class PriceField(forms.CharField):
    """A price as people write it: `4,50 €` or `4.50`."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"required": False, "max_length": 20, "widget": widget, **options})

    def clean(self, value: Any) -> Decimal | None:
        """Return the amount; None where nothing is typed."""
        text = super().clean(value)
        if not text:
            return None
        amount = amount_of(text)
        if amount is None or amount > MOST_FOR_ONE:
            raise forms.ValidationError(f"{text!r} is no price; it is as in 4.50, up to {MOST_FOR_ONE}.")
        return amount


class LineForm(forms.Form):
    """One line of an order."""

    quantity = forms.IntegerField(
        min_value=1, max_value=MOST_OF_ONE, initial=1, widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    )
    modifiers = forms.CharField(
        required=False, max_length=500, label="Differently", help_text="Parted by commas: no onions, extra cheese"
    )
    notes = forms.CharField(required=False, max_length=500, label="Note to the kitchen")
    price = PriceField(label="Price of one")

    def clean_modifiers(self) -> list[str]:
        """Return each thing that is different."""
        return modifiers_typed(self.cleaned_data["modifiers"])


class OrderForm(forms.Form):
    """What is said of an order."""

    order_type = forms.ChoiceField(choices=Order.Type.choices, label="Where it is eaten")
    customer_name = forms.CharField(
        required=False,
        max_length=255,
        label="Table or name",
        help_text="As it is called out: Table 7, or Ana. That of the reservation, if it is empty.",
    )
    notes = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class OpenForm(OrderForm):
    """What an order is opened with: one that is carried out of the house, or to no reservation, needs a name."""

    reservation = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label="Reservation")
    field_order = ("order_type", "reservation", "customer_name", "notes")

    def __init__(self, *args: Any, reservations: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reservation"].choices = [("", "None"), *reservations]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Raise an error unless somebody can tell whose order it is."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not given.get("reservation") and not given.get("customer_name"):
            self.add_error("customer_name", "Say which table it is for, or whose it is.")
        return given
