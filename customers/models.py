"""Customers: plain rows without permissions, groups, or a way into the admin."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from config.fields import LegacyDateTimeField, LineField, RawBCryptField
from config.sessions import Session


class CustomerManager(models.Manager["Customer"]):
    """The customers: ids below 1 are rows that somebody else's earlier attempt left, and no customers."""

    def get_queryset(self) -> models.QuerySet["Customer"]:
        """Return the customers."""
        return super().get_queryset().filter(id__gt=0)


class Customer(models.Model):
    """A person who eats here; a row of `users` with the same id is the same person."""

    # separation: begin
    # While both schemas live, every write is repeated in `users` by the database, or refused with an IntegrityError: an
    # email that somebody has there in any case, a phone number of more than 50 characters, a delete. The profile comes
    # with the row. Save with `update_fields`: only what a statement changes is written there, and what the old
    # application wrote beside it stays.
    # separation: end
    email = LineField()
    password = RawBCryptField()
    first_name = LineField(default="", blank=True)
    last_name = LineField(default="", blank=True)
    phone = LineField(null=True, blank=True)
    email_verified = models.BooleanField(default=False)
    email_verified_at = LegacyDateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    last_login = LegacyDateTimeField(null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)
    anonymized_at = LegacyDateTimeField(null=True, blank=True)

    objects = CustomerManager()

    class Meta:
        db_table = "customers"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(Lower("email"), name="customers_email_key")]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or f"customer {self.pk}"


class CustomerProfile(models.Model):
    """What a customer likes and how to reach them; one for every customer.

    In a legacy database that has a table of this name it is that table, extended: rows of people who are no customers
    stay in it with `customer` null.
    """

    customer = models.OneToOneField(
        Customer, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="profile"
    )
    phone_verified = models.BooleanField(default=False)
    email_verified = models.BooleanField(default=False)
    preferred_contact_method = models.CharField(max_length=20, null=True, blank=True)
    dietary_restrictions = models.TextField(null=True, blank=True)
    special_requests = models.TextField(null=True, blank=True)
    vip_status = models.BooleanField(default=False)
    tags = ArrayField(models.TextField(), null=True, blank=True)
    notes = models.TextField(null=True, blank=True)
    marketing_opt_in = models.BooleanField(default=False)
    birthday = models.DateField(null=True, blank=True)
    anniversary = models.DateField(null=True, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "customer_profiles"

    def __str__(self) -> str:
        return f"profile of customer {self.customer_id}"


class CustomerSession(Session):
    """One log-in of a customer."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, db_constraint=False, related_name="sessions")

    class Meta:
        db_table = "customer_sessions"

    def __str__(self) -> str:
        return f"session of customer {self.customer_id}"


class CustomerRestaurant(models.Model):
    """What one restaurant knows of one customer: visits and spend, its own notes."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, db_constraint=False, related_name="restaurants")
    restaurant = models.ForeignKey(
        "restaurants.Restaurant", on_delete=models.CASCADE, db_constraint=False, related_name="customers"
    )
    first_visit = LegacyDateTimeField(null=True, blank=True)
    last_visit = LegacyDateTimeField(null=True, blank=True)
    visit_count = models.IntegerField(default=0)
    total_spent = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    notes = models.TextField(null=True, blank=True)
    vip_status = models.BooleanField(default=False)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "customer_restaurants"
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "restaurant"], name="customer_restaurants_customer_id_restaurant_id_key"
            )
        ]

    def __str__(self) -> str:
        return f"customer {self.customer_id} at restaurant {self.restaurant_id}"


class CustomerChange(models.Model):
    """What one statement changed of a customer, whoever wrote it; a trigger notes it (`sql/note_changes.sql`)."""

    class About(models.TextChoices):
        """What was changed."""

        ACCOUNT = "account", "account"
        PROFILE = "profile", "profile"
        RESTAURANT = "restaurant", "what a restaurant wrote"

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, db_constraint=False, related_name="changes")
    # Of what a restaurant wrote, and nobody else's to read.
    restaurant = models.ForeignKey(
        "restaurants.Restaurant",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="customer_changes",
    )
    about = models.CharField(max_length=10, choices=About.choices, default=About.ACCOUNT)
    changed_at = LegacyDateTimeField(auto_now_add=True)
    # As `customers.locks.changes_are_by` said; nothing of writers that say nothing.
    changed_by = models.CharField(max_length=60, default="", blank=True)
    # Whom the database took for the writer, and whether another table's trigger repeated a write that was made there.
    role = models.TextField(default="", blank=True)
    indirect = models.BooleanField(default=False)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "customer_changes"

    def __str__(self) -> str:
        return f"change of customer {self.customer_id}"


class RequestThrottle(models.Model):
    """How often somebody asked for something of late; the key is a hash that nobody can compute without our secret."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.IntegerField(default=0)
    expires_at = LegacyDateTimeField()
    blocked_until = LegacyDateTimeField(null=True, blank=True)

    class Meta:
        db_table = "request_throttles"

    def __str__(self) -> str:
        return f"counted {self.count} times"
