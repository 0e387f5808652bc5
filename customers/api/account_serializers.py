"""What a customer sends and is shown of their account."""

from datetime import date
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from config.api.bodies import Exact
from customers.models import Customer, CustomerProfile
from customers.preferences import AREAS, preferences_of
from customers.services import ANONYMISED

CONTACT_METHODS = ("email", "phone", "sms")
_ONE_LINE = RegexValidator(r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", "A name is one line.", code="control_character")
_PHONE = RegexValidator(
    r"\A\+?[0-9 ()./-]*\Z", "A number has digits, blanks and ()./- with perhaps a + in front.", code="not_a_phone"
)
ADA = {
    "email": "ada@example.org",
    "password": "correct horse battery",
    "first_name": "Ada",
    "last_name": "King",
    "phone": "+44 20 7946 0000",
}
_OLDEST = date(1900, 1, 1)


def email_field() -> serializers.EmailField:
    """Return a field for an address that somebody may have."""
    return serializers.EmailField(max_length=254, validators=[_somebodys])


def _somebodys(email: str) -> None:
    """Raise for the addresses that anonymised customers get."""
    # No RegexValidator: the OpenAPI document would take its pattern for what an address has to look like.
    if email.lower().endswith(f"@{ANONYMISED}"):
        raise serializers.ValidationError("Nobody has such an address.", code="invalid")


def password_field() -> serializers.CharField:
    """Return a field for a password: what is typed, to the last blank."""
    return serializers.CharField(trim_whitespace=False, max_length=1024, write_only=True)


class EmailBody(Exact):
    """An address alone."""

    email = serializers.EmailField(max_length=254)


class TokenBody(Exact):
    """The token of a link."""

    token = serializers.CharField(max_length=2000)


class Names(Exact):
    """What a person is called, and reached by."""

    first_name = serializers.CharField(max_length=100, allow_blank=True, validators=[_ONE_LINE])
    last_name = serializers.CharField(max_length=100, allow_blank=True, validators=[_ONE_LINE])
    phone = serializers.CharField(max_length=50, allow_null=True, min_length=3, required=False, validators=[_PHONE])


class Registration(Names):
    """A new customer."""

    email = email_field()
    password = password_field()


class PasswordReset(TokenBody):
    """A new password, by the link of a mail."""

    new_password = password_field()


class PasswordChange(Exact):
    """A new password, by the one before."""

    password = password_field()
    new_password = password_field()


class EmailChange(Exact):
    """Another address, which is confirmed by mail."""

    new_email = email_field()
    password = password_field()


class Me(serializers.ModelSerializer[Customer]):
    """A customer as they see themselves."""

    class Meta:
        model = Customer
        fields = ("id", "email", "email_verified", "first_name", "last_name", "phone", "created_at")
        read_only_fields = fields


class Profile(serializers.ModelSerializer[CustomerProfile]):
    """What a customer says of themselves; what staff note of them is not in it."""

    class Meta:
        model = CustomerProfile
        fields = (
            *("dietary_restrictions", "special_requests", "preferred_contact_method"),
            *("marketing_opt_in", "birthday", "anniversary"),
        )
        read_only_fields = fields


def _not_to_come(day: date) -> None:
    if not _OLDEST <= day <= date.today():
        raise serializers.ValidationError("It is a day since 1900, and not one to come.", code="out_of_range")


class ProfileChange(Exact):
    """What a customer changes of their profile."""

    dietary_restrictions = serializers.CharField(max_length=1000, allow_null=True, allow_blank=True)
    special_requests = serializers.CharField(max_length=1000, allow_null=True, allow_blank=True)
    preferred_contact_method = serializers.ChoiceField(CONTACT_METHODS, allow_null=True)
    marketing_opt_in = serializers.BooleanField()
    birthday = serializers.DateField(allow_null=True, validators=[_not_to_come])
    anniversary = serializers.DateField(allow_null=True, validators=[_not_to_come])


class Notifications(Exact):
    """What a customer hears of."""

    reminders = serializers.BooleanField(required=False, allow_null=True, help_text="Mails before a reservation.")


class Seating(Exact):
    """Where and how a customer likes to sit."""

    area = serializers.ChoiceField(AREAS, required=False, allow_null=True)
    quiet = serializers.BooleanField(required=False, allow_null=True)
    high_chair = serializers.BooleanField(required=False, allow_null=True)
    step_free = serializers.BooleanField(required=False, allow_null=True)


class Preferences(Exact):
    """What a customer prefers. A change names what changes; null means the default again."""

    language = serializers.RegexField(
        r"\A[a-z]{2,3}(-[A-Z]{2})?\Z", required=False, allow_null=True, help_text="As in en or pt-BR."
    )
    notifications = Notifications(required=False, allow_null=True)
    seating = Seating(required=False, allow_null=True)

    def to_representation(self, instance: CustomerProfile) -> dict[str, Any]:
        """Return every setting."""
        return preferences_of(instance.preferences)
