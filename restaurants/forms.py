"""A week of opening hours as a form: one line a day."""

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from restaurants.hours import DAYS, Day, hours_written, intervals, opening_hours

_HELP = "As in 12:00-15:00, 18:00-23:00; past midnight 18:00-02:00. Empty: closed."


class WeekWidget(forms.MultiWidget):
    """Seven lines, each with the name of its day."""

    template_name = "restaurants/week.html"

    def __init__(self) -> None:
        super().__init__([UnfoldAdminTextInputWidget(attrs={"aria-label": day.title()}) for day in DAYS])

    def decompress(self, value: Any) -> list[str]:
        """Return the lines of what is no list of lines yet: none."""
        return [""] * len(DAYS)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Return what the template shows, with the days."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["days"] = list(zip([day.title() for day in DAYS], context["widget"]["subwidgets"], strict=True))
        return context


class WeekField(forms.MultiValueField):
    """The hours of a week, Monday first; each line that cannot be read is an error that names its day."""

    def __init__(self) -> None:
        lines = [forms.CharField(required=False, max_length=200) for _ in DAYS]
        super().__init__(lines, widget=WeekWidget(), required=False, require_all_fields=False, help_text=_HELP)

    def compress(self, data_list: Sequence[str]) -> list[Day]:
        """Return the hours of each day; raises ValidationError for what cannot be read."""
        week: list[Day] = []
        wrong = []
        for day, text in zip(DAYS, data_list or [""] * len(DAYS), strict=True):
            try:
                week.append(intervals(text))
            except ValueError as error:
                wrong.append(forms.ValidationError(f"{day.title()}: {error}", code="hours"))
        if wrong:
            raise forms.ValidationError(wrong)
        return week


class RestaurantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A restaurant, with its opening hours as people write them."""

    opening_hours = WeekField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._hours = self.instance.opening_hours
        self.initial["opening_hours"] = [", ".join(map(str, day)) for day in opening_hours(self._hours).week]

    def clean_opening_hours(self) -> Any:
        """Return the column's new value, in the shape that the old one has."""
        return hours_written(self._hours, self.cleaned_data["opening_hours"])
