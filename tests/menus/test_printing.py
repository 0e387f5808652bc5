"""A menu on paper: what is active, in its own columns and colours; nothing typed into it can break out."""

import pytest

from menus.prices import printed
from tests.factories import MenuFactory, MenuItemFactory, MenuSectionFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("price", "plain", "with_dollar", "with_decimals"),
    [
        ("12", "12", "$12", "12"),
        ("12.00", "12", "$12", "12.00"),
        ("$12.50", "12.50", "$12.50", "12.50"),
        ("12,00 €", "12 €", "12 €", "12,00 €"),
        ("1.200,-", "1.200", "$1.200", "1.200,-"),
        ("8/14", "8/14", "8/14", "8/14"),
        ("market price", "market price", "market price", "market price"),
        (None, "", "", ""),
    ],
)
def test_prices_are_printed_as_the_menu_says(price, plain, with_dollar, with_decimals):
    found = [
        printed(price, dollar_sign=dollar, bare=False, decimals=decimals)
        for dollar, decimals in ((False, False), (True, False), (False, True))
    ]
    assert found == [plain, with_dollar, with_decimals]
    assert printed("12", dollar_sign=True, bare=True, decimals=True) == "12"


def page_of(client, **columns):
    here = RestaurantFactory.create()
    menu = MenuFactory.create(restaurant=here, **columns)
    client.force_login(staff_of(here, "MANAGER"))
    starters = MenuSectionFactory.create(menu=menu, name="Starters")
    MenuItemFactory.create(section=starters, name="Soup", price="8.00", description="Leeks <b>&amp;</b> cream")
    MenuItemFactory.create(section=starters, name="Old soup", active=False)
    MenuItemFactory.create(section=MenuSectionFactory.create(menu=menu, name="Hidden", active=False), name="Secret")
    MenuSectionFactory.create(menu=menu, name="Empty")
    return client.get(f"/admin/menus/menu/{menu.pk}/print/")


def test_only_what_guests_read_is_printed(client):
    page = page_of(client, name="Dinner", title="<i>Dinner</i>", show_decimals=False)
    html = page.content.decode()
    assert [(section.name, [(i.name, i.price) for i in section.items]) for section in page.context["sections"]] == [
        ("Starters", [("Soup", "$8")])
    ]
    assert "&lt;i&gt;Dinner&lt;/i&gt;" in html
    assert "Leeks &lt;b&gt;&amp;amp;&lt;/b&gt; cream" in html
    assert page.context["style"] == "--columns: 1; --size: 12pt; --rule: 1px solid"
    assert "@page { size: A4; margin: 14mm; }" in html


def test_rich_text_is_printed_without_its_tags(client):
    page = page_of(client, name="Dinner", title="<i>Dinner</i>", rich_text_enabled=True)
    assert (page.context["title"], page.context["sections"][0].items[0].description) == ("Dinner", "Leeks & cream")


def test_the_menus_own_look_is_followed_as_far_as_it_makes_sense(client):
    page = page_of(
        client,
        layout="two-column",
        page_size="letter",
        page_margin=40,
        font="Work Sans",
        accent_color="#8c3b2e",
        base_font_size=10,
        item_spacing=6,
        section_divider_style="dotted",
        section_divider_size=2,
        logo_path="https://photos.example/logo.png",
        logo_position="left",
    )
    assert page.context["style"] == (
        "--columns: 2; --size: 10pt; --gap: 6px; --accent: #8c3b2e; --font: 'Work Sans'; --rule: 2px dotted; "
        "--logo-side: left"
    )
    assert "@page { size: Letter; margin: 40px; }" in page.content.decode()
    assert '<img src="https://photos.example/logo.png" alt=""' in page.content.decode()


def test_what_no_paper_can_follow_does_no_harm(client):
    page = page_of(
        client,
        columns_count=-3,
        page_size="A4; } body { x: y",
        page_margin=99999,
        font="x'; } body { x: y",
        accent_color="red; --paper: url(x)",
        base_font_size=0,
        logo_path="javascript:x",
        logo_size=-5,
        section_divider_style="url(x)",
        show_section_dividers=False,
    )
    assert page.context["style"] == "--columns: 1; --size: 12pt; --rule: 0 none"
    assert "@page { size: A4; margin: 14mm; }" in page.content.decode()
    assert "javascript:" not in page.content.decode()


def test_many_items_are_set_smaller_so_that_they_fit(client):
    page = page_of(client, name="Dinner")
    menu = page.context["menu"]
    section = menu.sections.get(name="Starters")
    for _ in range(40):
        MenuItemFactory.create(section=section, price="12 €")
    page = client.get(f"/admin/menus/menu/{menu.pk}/print/")
    assert "--size: 8pt" in page.context["style"]
    assert {item.price for item in page.context["sections"][0].items} == {"8.00", "12 €"}


def test_a_menu_of_nothing_says_so(client):
    here = RestaurantFactory.create()
    menu = MenuFactory.create(restaurant=here)
    client.force_login(staff_of(here, "OWNER"))
    assert (
        "Nothing on this menu is shown to guests yet."
        in client.get(f"/admin/menus/menu/{menu.pk}/print/").content.decode()
    )
