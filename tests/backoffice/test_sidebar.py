"""The sidebar has what there is for whoever looks, and nothing else."""

from collections.abc import Callable

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

SHIFT = ("Shift", ["Today", "Reservations", "Order board", "Orders"])
MENUS = ("Menus", ["Menus", "Recipes"])
CUSTOMERS = ("Customers", ["Customers"])
# separation: begin
INTEGRITY = [
    *("Board", "Findings", "Invariants", "Verifications", "Requests to verify", "Runs", "Chunks", "Backups"),
    "Rehearsals",
]
# separation: end
RESTAURANTS = ("Platform", ["Restaurants"])
FINDINGS: list[tuple[str, list[str]]] = []
FINDINGS = [("Data integrity", ["Board", "Findings"])]  # separation: line


def shown(client: Client, path: str) -> list[tuple[str, list[str]]]:
    """Return the groups of the sidebar, and the titles in each, that of this page with a star."""
    groups = client.get(path).context["sidebar_navigation"]
    return [
        (group["title"], [f"{item['title']}{'*' if item['active'] else ''}" for item in group["items"]])
        for group in groups
    ]


@pytest.mark.parametrize(
    ("principal", "groups"),
    [
        ("staff", [SHIFT, RESTAURANTS]),
        ("manager", [SHIFT, MENUS, CUSTOMERS, RESTAURANTS]),
        ("owner", [SHIFT, MENUS, CUSTOMERS, *FINDINGS, RESTAURANTS]),
        ("admin", [SHIFT, MENUS, CUSTOMERS, *FINDINGS, RESTAURANTS]),
        (
            "superadmin",
            [
                *(SHIFT, MENUS, CUSTOMERS),
                ("Data integrity", INTEGRITY),  # separation: line
                ("Platform", ["Restaurants", "Staff", "Emails"]),
            ],
        ),
    ],
)
def test_each_role_has_its_groups(
    principal: str, groups: list[tuple[str, list[str]]], as_: Callable[[str], Client]
) -> None:
    assert shown(as_(principal), "/admin/") == groups


def test_the_page_one_is_on_is_marked(as_: Callable[[str], Client]) -> None:
    assert shown(as_("staff"), "/admin/orders/order/") == [
        ("Shift", ["Today", "Reservations", "Order board", "Orders*"]),
        RESTAURANTS,
    ]
