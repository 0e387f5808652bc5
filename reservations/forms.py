"""What staff fill in at the desk: a booking, what becomes of it, and its end."""

import re
from datetime import time
from typing import Any

from django import forms
from django.core.validators import validate_email
from unfold.widgets import UnfoldAdminTextInputWidget

from reservations.models import BookingPolicy
from reservations.services import PHONE, WALK_IN, Changes, Contact

_MOST_PEOPLE = 500
_HIGHEST_TABLE = 9999
_STEP = re.compile(r"(?:up to\s+)?(\d{1,4})(?:\s*people)?\s*[:=]\s*(\d{1,4})(?:\s*min\w*)?", re.IGNORECASE)
# What of a booking that is over stays as it was.
_PLACE, _PERSON = ("day", "time", "party_size", "duration_minutes"), ("name", "phone", "email")


class TablesField(forms.CharField):
    """Numbers of tables, as in `4, 5`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=100, label="Tables", help_text="As in 4, 5", **options)

    def prepare_value(self, value: Any) -> Any:
        """Return a list as it is typed."""
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the numbers, each once, in order; raises ValidationError naming what is none."""
        found: list[int] = []
        for word in re.split(r"[\s,;]+", super().clean(value)):
            if word and not (word.isascii() and word.isdecimal() and 1 <= int(word) <= _HIGHEST_TABLE):
                raise forms.ValidationError(f"{word!r} is no number of a table, such as 4.", code="table")
            found += [int(word)] if word and int(word) not in found else []
        return sorted(found)


class ClockField(forms.TimeField):
    """A time of the clock, shown as `19:30`."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TimeInput(attrs={"type": "time", "list": "times"}, format="%H:%M")
        super().__init__(widget=widget, **options)


class DayField(forms.DateField):
    """A day, picked from a calendar where the browser has one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class TableForm(forms.Form):
    """When, and how many."""

    day = DayField(label="Day")
    time = ClockField(label="Time")
    party_size = forms.IntegerField(label="People", min_value=1, max_value=_MOST_PEOPLE)
    duration_minutes = forms.IntegerField(
        label="Minutes", required=False, min_value=15, max_value=1440, help_text="Empty: as the policy says"
    )
    table_ids = TablesField()
    name = forms.CharField(label="Name", max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    phone = forms.CharField(
        label="Phone",
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    email = forms.CharField(
        label="Email",
        max_length=255,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="Empty: no mail goes out",
    )
    special_requests = forms.CharField(
        label="Wishes of the guest", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    notes = forms.CharField(
        label="Notes of staff", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    # The codes of what was shown to be beyond the policy, and is wanted all the same.
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_email(self) -> str:
        """Return the address; raises ValidationError for a new one that is none."""
        email = str(self.cleaned_data["email"])
        if email and email != self.initial.get("email"):
            validate_email(email)
        return email

    @property
    def contact(self) -> Contact:
        """How the guest is called and reached."""
        given = self.cleaned_data
        return Contact(given["name"], given["email"] or None, given["phone"] or None)

    @property
    def clock(self) -> str:
        """The time as the column holds it."""
        chosen: time = self.cleaned_data["time"]
        return f"{chosen:%H:%M}"

    def confirms(self, codes: set[str]) -> bool:
        """Return whether all of CODES were shown, and are wanted all the same."""
        return codes <= set(self.cleaned_data["confirmed"].split(","))


class BookForm(TableForm):
    """A new booking."""

    source = forms.ChoiceField(
        label="How", choices=[(PHONE, "By phone"), (WALK_IN, "Walk-in")], initial=PHONE, widget=forms.RadioSelect
    )
    seated = forms.BooleanField(label="They sit down now", required=False)
    customer = forms.IntegerField(required=False, widget=forms.HiddenInput)
    # Of this very form: sent twice, it books once.
    key = forms.RegexField(r"[0-9a-f]{32}", widget=forms.HiddenInput)


class EditForm(TableForm):
    """What a booking is to be."""

    guest_notes = forms.CharField(
        label="Notes about the guest", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    # What the form was filled from: what somebody else has changed since is not lost.
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, can_move: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self.can_move = can_move
        for name in () if can_move else (*_PLACE, *_PERSON):
            del self.fields[name]

    @property
    def changes(self) -> Changes:
        """What of it concerns the guest."""
        return Changes(
            day=self.cleaned_data["day"],
            time=self.clock,
            party_size=self.cleaned_data["party_size"],
            duration_minutes=self.cleaned_data["duration_minutes"],
            special_requests=self.cleaned_data["special_requests"],
            contact=self.contact,
        )


class CancelForm(forms.Form):
    """Why a booking is cancelled."""

    reason = forms.CharField(
        label="Why", required=False, max_length=500, help_text="For the log; the guest does not see it."
    )
    words = forms.CharField(
        label="To the guest",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Stands in the mail that says that the booking is cancelled.",
    )


class DurationsField(forms.CharField):
    """How long parties stay by their size, as in `2: 90, 6: 120`."""

    def __init__(self) -> None:
        super().__init__(
            label="Durations by party",
            required=False,
            max_length=500,
            widget=UnfoldAdminTextInputWidget(),
            help_text="Up to how many people stay how many minutes, as in 2: 90, 6: 120; "
            "larger parties stay as long as the field above says.",
        )

    def prepare_value(self, value: Any) -> Any:
        """Return the steps as they are typed; what stands there and is none is left out."""
        if isinstance(value, list):
            return ", ".join(f"{up_to}: {minutes}" for up_to, minutes in BookingPolicy(durations=value).steps)
        return value

    def clean(self, value: Any) -> Any:
        """Return the steps as the column holds them; raises ValidationError naming what is none."""
        found = []
        for part in filter(None, (part.strip() for part in re.split(r"[,;\n]", super().clean(value)))):
            step = _STEP.fullmatch(part)
            if not step:
                raise forms.ValidationError(f"{part!r} is no step, such as 2: 90.", code="durations")
            found.append({"up_to": int(step[1]), "minutes": int(step[2])})
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether other steps are typed than those there were."""
        return bool(super().has_changed(self.prepare_value(initial), data))


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a restaurant takes bookings, without JSON."""

    durations = DurationsField()
