"""One customer at a time with a commit each: the ways this project does not go.

`python -m bench.loop orm N` moves N customers of DATABASE_URL's database as one would write it with the ORM, and
`python -m bench.loop engine N` with the engine itself, one customer a chunk; both print the seconds they took.
"""

import sys
import time
from contextlib import suppress

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import Count, Max, Min, Q, Sum  # noqa: E402

from accounts.models import User  # noqa: E402
from customers.models import Customer, CustomerProfile, CustomerRestaurant  # noqa: E402
from separation.errors import Interrupted  # noqa: E402
from separation.migrator import Migration, Pace, StopRequest  # noqa: E402
from separation.models import Phase, Run  # noqa: E402
from separation.phases import change_phase  # noqa: E402


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


def with_the_orm(count: int) -> float:
    """Move COUNT customers who are no staff, and return the seconds."""
    users = User.objects.filter(is_customer=True, role="USER", restaurant_staff=None, email__contains="@")
    people = list(users.order_by("-id")[:count])  # the sample's oddities come first
    started = time.monotonic()
    for user in people:
        with transaction.atomic():
            move(user)
    return time.monotonic() - started


def with_the_engine(count: int) -> float:
    """Move COUNT customers in chunks of one, with the same guarantees as execute, and return the seconds."""
    change_phase(connection, Phase.LEGACY, Phase.DUAL)
    run = Run.objects.create(kind=Run.EXECUTE)
    migration = Migration(connection, run, pace=Pace(size=1, smallest=1, largest=1))
    stop = StopRequest()

    moved = iter(range(1, count))

    def advance(_: int) -> None:
        if next(moved, None) is None:
            stop()

    started = time.monotonic()
    with suppress(Interrupted):
        migration.move_all(stop, advance)
    return time.monotonic() - started


if __name__ == "__main__":
    print({"orm": with_the_orm, "engine": with_the_engine}[sys.argv[1]](int(sys.argv[2])))
