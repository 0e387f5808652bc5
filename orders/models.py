"""Orders and what is on them."""

from django.conf import settings
from django.db import models

from config.fields import EnumField, LegacyDateTimeField, PlainJSONField


class Order(models.Model):
    """What a table, a take-out or a delivery ordered."""

    class Status(models.TextChoices):
        """How far it got."""

        NEW = "NEW"
        IN_PROGRESS = "IN_PROGRESS"
        READY = "READY"
        COMPLETED = "COMPLETED"
        CANCELLED = "CANCELLED"

    class Type(models.TextChoices):
        """Where it is eaten."""

        DINE_IN = "DINE_IN"
        TAKEOUT = "TAKEOUT"
        DELIVERY = "DELIVERY"

    order_number = models.CharField(max_length=50, unique=True)
    reservation = models.ForeignKey(
        "reservations.Reservation", null=True, blank=True, on_delete=models.SET_NULL, related_name="orders"
    )
    restaurant = models.ForeignKey("restaurants.Restaurant", on_delete=models.PROTECT, related_name="orders")
    customer_name = models.CharField(max_length=255, null=True, blank=True)
    status = EnumField("OrderStatus", choices=Status.choices, default=Status.NEW)
    order_type = EnumField("OrderType", choices=Type.choices, default=Type.DINE_IN)
    notes = models.TextField(null=True, blank=True)
    total_amount = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)
    # Whoever wrote the row in the old application: the customer, or staff on the phone. Never null before clean-up.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="orders"
    )
    # SQL makes the constraint: the column may still reference `users` in a database that brought it along.
    customer = models.ForeignKey(
        "customers.Customer",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="orders",
    )

    class Meta:
        db_table = "orders"

    def __str__(self) -> str:
        return self.order_number


class OrderItem(models.Model):
    """A line of an order."""

    class Status(models.TextChoices):
        """How far the kitchen got."""

        PENDING = "PENDING"
        PREPARING = "PREPARING"
        READY = "READY"
        SERVED = "SERVED"
        CANCELLED = "CANCELLED"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    menu_item = models.ForeignKey("menus.MenuItem", on_delete=models.PROTECT)
    quantity = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    modifiers = PlainJSONField(null=True, blank=True)
    status = EnumField("OrderItemStatus", choices=Status.choices, default=Status.PENDING)
    notes = models.TextField(null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "order_items"

    def __str__(self) -> str:
        return f"item {self.pk} of order {self.order_id}"
