"""Whether everything belongs to the restaurant it claims, and nothing leads from one restaurant into another."""

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import execute, name_of, row, rows
from separation.decisions import HELP
from separation.errors import VERIFY
from separation.planner import snapshot
from separation.verification.report import FAIL, PASS, SAMPLE_SIZE, WARN, Result, lines_of

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "tenancy.sql")

_SETTINGS = """
SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
    set_config('statement_timeout', '1h', true), set_config('lock_timeout', '5s', true)
"""
_AGAIN = "then: python manage.py check_tenancy"
_MISSING = f"give each row a restaurant that exists, or delete it, {_AGAIN}"
_NO_RESTAURANT = HELP["no_restaurant"]
_COUNTED = ("staff", "customers", "reservations", "orders", "order_items", "menus", "menu_items", "recipes")


@dataclass(frozen=True)
class Check:
    """One check: what it guarantees, what it compares, and what to type where it does not hold."""

    id: str
    guarantee: str
    compared: str
    remedy: str
    untold: str = _NO_RESTAURANT


CHECKS = (
    Check("reservations_placed", "Every reservation is at a restaurant that exists.", "reservations", _MISSING),
    Check("orders_placed", "Every order is at a restaurant that exists.", "orders", _MISSING),
    Check(
        "order_items_placed",
        "Every line of an order leads to its order, and by its dish and section to a menu.",
        "lines of orders",
        f"give each line an order and a dish that exist, or delete it, {_AGAIN}",
    ),
    Check("menus_placed", "Every menu is of a restaurant that exists.", "menus", _MISSING),
    Check("recipes_placed", "Every recipe is of a restaurant that exists.", "recipes", _MISSING),
    Check(
        "menu_items_placed",
        "Every dish leads by its section to a menu.",
        "dishes",
        f"give each dish a section of a menu that exists, or delete it, {_AGAIN}",
    ),
    Check("categories_placed", "Every category is of a restaurant that exists.", "categories", _MISSING),
    Check(
        "staff_placed",
        "Every staff link is of a user, and to a restaurant, that exist.",
        "staff links",
        f"delete the links that lead to nobody, {_AGAIN}",
    ),
    Check(
        "customers_placed",
        "Every customer's link is of a customer, and to a restaurant, that exist.",
        "customers' links",
        VERIFY,
    ),
    Check(
        "policies_placed",
        "Every booking policy, and every day with other opening hours, is of a restaurant that exists.",
        "booking policies and days",
        f"delete those that lead to nobody, {_AGAIN}",
    ),
    Check(
        "slots_placed",
        "Every slot that bookings lock is of a restaurant that exists.",
        "slots",
        f"delete those that lead to nobody, {_AGAIN}",
    ),
    Check(
        "terms_placed",
        "Every booking's terms are of a booking that exists.",
        "terms of bookings",
        f"delete those that lead to nobody, {_AGAIN}",
    ),
    Check(
        "orders_of_reservations",
        "Every order is at the restaurant of its reservation.",
        "orders with a reservation",
        HELP["restaurant_mismatch"],
    ),
    Check(
        "items_of_orders",
        "Every dish that was ordered is on a menu of the order's restaurant.",
        "lines of orders",
        f"give the line a dish of that restaurant, or the menu its right restaurant, in the admin, {_AGAIN}",
    ),
    Check(
        "dishes_of_menus",
        "Every dish is made by a recipe of its menu's restaurant.",
        "dishes with a recipe",
        f"give the dish a recipe of that restaurant, or the recipe its right restaurant, in the admin, {_AGAIN}",
    ),
    Check(
        "recipes_of_categories",
        "Every recipe is in a category of its restaurant.",
        "recipes in a category",
        f"give the recipe a category of its restaurant in the admin, {_AGAIN}",
    ),
    Check(
        "parts_of_recipes",
        "Every recipe that is part of another is of the same restaurant.",
        "recipes that are parts",
        f"give both recipes the same restaurant, or take one out of the other, in the admin, {_AGAIN}",
    ),
    Check(
        "bookings_known",
        "Every customer is linked to each restaurant of a reservation or an order of theirs.",
        "customers at a restaurant",
        VERIFY,
    ),
)


@dataclass(frozen=True)
class Tenancy:
    """What was found, as of one moment; `restaurants` has a row of counts for each, the last for what says none."""

    database: str
    results: list[Result]
    restaurants: list[dict[str, Any]]

    @property
    def failures(self) -> list[Result]:
        """The checks that found something at the wrong restaurant."""
        return [result for result in self.results if result.status == FAIL]

    @property
    def ok(self) -> bool:
        """Whether nothing leads from one restaurant into another."""
        return not self.failures

    def verdict(self) -> str:
        """Return the outcome as one sentence."""
        count, untold = len(self.results), [result.id for result in self.results if result.status == WARN]
        if self.failures:
            names = ", ".join(result.id for result in self.failures)
            return f"{len(self.failures)} of {count} checks fail in database {self.database!r}: {names}."
        warned = f"; {len(untold)} of them with a warning" if untold else ""
        places = f"{len(self.restaurants) - 1:,} restaurants"
        return f"All {count} checks pass in database {self.database!r}, for {places}{warned}."

    def as_dict(self) -> dict[str, Any]:
        """Return it for `--json`: its keys are a contract."""
        return {
            "database": self.database,
            "ok": self.ok,
            "failures": len(self.failures),
            "warnings": sum(result.status == WARN for result in self.results),
            "verdict": self.verdict(),
            "results": [asdict(result) for result in self.results],
            "restaurants": self.restaurants,
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return it for people, as (status, line): the checks, then the counts."""
        head = f"{'Restaurant':<32}" + "".join(f"{name.replace('_', ' '):>13}" for name in _COUNTED)
        return [*lines_of(self.results), ("", ""), ("", head), *(("", _counts(one)) for one in self.restaurants)]


def check_tenancy(connection: BaseDatabaseWrapper) -> Tenancy:
    """Return what every check found in the adopted database behind CONNECTION, on one read-only snapshot."""
    with snapshot(connection):
        execute(connection, _SETTINGS)
        results = [_decide(connection, check) for check in CHECKS]
        counted = rows(connection, SQL.counts)
    names = ("id", "name", *_COUNTED)
    return Tenancy(name_of(connection), results, [dict(zip(names, values, strict=True)) for values in counted])


def _decide(connection: BaseDatabaseWrapper, check: Check) -> Result:
    compared, wrong, untold, sample, unsure = row(
        connection,
        f"""SELECT count(*), count(*) FILTER (WHERE NOT ok), count(*) FILTER (WHERE ok IS NULL),
            (array_agg(id ORDER BY id) FILTER (WHERE NOT ok))[1:{SAMPLE_SIZE}],
            (array_agg(id ORDER BY id) FILTER (WHERE ok IS NULL))[1:{SAMPLE_SIZE}]
        FROM ({getattr(SQL, check.id)}) q""",  # noqa: S608
    )
    figure = f"{compared:,} {check.compared} compared"
    figure += f"; {wrong:,} wrong" if wrong else ""
    figure += f"; of {untold:,} the restaurant cannot be told" if untold else ""
    if not wrong and not untold:
        return Result(check.id, check.guarantee, PASS, figure, compared)
    status, ids, remedy = (FAIL, sample, check.remedy) if wrong else (WARN, unsure, check.untold)
    return Result(check.id, check.guarantee, status, figure, compared, wrong or untold, ids, [], remedy)


def _counts(restaurant: dict[str, Any]) -> str:
    name = "(says no restaurant)" if restaurant["id"] is None else f"{restaurant['id']} {restaurant['name']}"
    return f"{name[:31]:<32}" + "".join(f"{restaurant[counted]:>13,}" for counted in _COUNTED)
