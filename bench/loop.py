"""One customer at a time with a commit each, as one would write it with the ORM: the way this project does not go.

`python -m bench.loop N` moves the first N customers of DATABASE_URL's database and prints the seconds they took.
"""

import sys
import time

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.db.models import Count, Max, Min, Q, Sum  # noqa: E402

from accounts.models import User  # noqa: E402
from customers.models import Customer, CustomerProfile, CustomerRestaurant  # noqa: E402


def move(user: User) -> None:
    """Move one customer with all that is theirs."""
    first, _, last = (user.name or "").partition(" ")
    customer = Customer.objects.create(
        id=user.pk, email=user.email, password=user.password, first_name=first, last_name=last, phone=user.phone
    )
    Customer.objects.filter(pk=user.pk).update(created_at=user.created_at, updated_at=user.updated_at)
    CustomerProfile.objects.create(customer=customer, tags=[])
    user.reservations.filter(customer=None).update(customer=customer)
    user.orders.filter(customer=None).update(customer=customer)
    places = set(customer.reservations.values_list("restaurant_id", flat=True).distinct())
    places |= set(customer.orders.values_list("restaurant_id", flat=True).distinct())
    places |= set(user.restaurant_staff.values_list("restaurant_id", flat=True))
    for place in places:
        link(customer, place)


def link(customer: Customer, place: int) -> None:
    """Link one customer to one restaurant, with visits and spend."""
    visits = customer.reservations.filter(restaurant_id=place, status="COMPLETED").aggregate(
        first=Min("reservation_date"), last=Max("reservation_date"), count=Count("id")
    )
    spent = customer.orders.filter(restaurant_id=place, status="COMPLETED").aggregate(
        total=Sum("total_amount"), count=Count("id", filter=~Q(reservation__status="COMPLETED"))
    )
    CustomerRestaurant.objects.create(
        customer=customer,
        restaurant_id=place,
        first_visit=visits["first"],
        last_visit=visits["last"],
        visit_count=visits["count"] + spent["count"],
        total_spent=spent["total"] or 0,
    )


def main(count: int) -> None:
    """Move COUNT customers who are no staff, and print the seconds."""
    users = User.objects.filter(is_customer=True, role="USER", restaurant_staff=None, email__contains="@")
    people = list(users.order_by("-id")[:count])  # the sample's oddities come first
    started = time.monotonic()
    for user in people:
        with transaction.atomic():
            move(user)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main(int(sys.argv[1]))
