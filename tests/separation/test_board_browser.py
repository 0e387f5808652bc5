"""The board in a real browser, empty and busy, on a desk and on a phone; a run that goes on is looked at again."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from separation.models import Chunk, Run
from tests.browser import DESKTOP, PHONE, Opener, axe, fits, tappable
from tests.factories import CheckedFactory, FindingFactory, RunFactory, UserFactory
from tests.separation.test_board import busy as busy

pytestmark = pytest.mark.django_db
RIGHT_TO_LEFT, LONG = "مطعم الشرق", "Restaurant-of-the-very-long-name-" * 5


def test_the_empty_board(browser_page: Opener, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = tmp_path
    page = browser_page(UserFactory.create(role="SUPERADMIN"), width=PHONE)
    page.goto("/admin/separation/")
    fits(page)
    tappable(page)
    axe(page)


def test_the_busy_board(browser_page: Opener, busy: Run, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = tmp_path
    RunFactory.create(operator=f"{RIGHT_TO_LEFT} {LONG}", error=LONG, state="failed", note=LONG)
    user = UserFactory.create(role="SUPERADMIN", name=f"{RIGHT_TO_LEFT} {LONG}")
    for width, dark in ((DESKTOP, False), (PHONE, True)):
        page = browser_page(user, width=width, dark=dark)
        page.clock.install()
        page.goto("/admin/separation/")
        for summary in page.locator("summary.board-summary").all():
            summary.click()
        fits(page)
        tappable(page)
        axe(page)

    live = page.locator("#live")
    expect(live).to_contain_text("1,000 of 4,000 customers")
    Chunk.objects.filter(run=busy, state=Chunk.PENDING).update(
        state=Chunk.MOVED, moved_at=timezone.now(), counts={"customers": 1000, "examined": 1000}
    )
    page.clock.fast_forward("00:02")
    expect(live).to_contain_text("2,000 of 4,000 customers")
    Run.objects.filter(pk=busy.pk).update(state=Run.DONE, finished_at=timezone.now())
    page.clock.fast_forward("00:02")
    expect(live).not_to_contain_text("of 4,000 customers")
    expect(page.get_by_role("link", name=f"Run {busy.pk}: execute")).to_be_visible()


def test_signing_off_and_the_rows_of_a_broken_invariant(browser_page: Opener) -> None:
    page = browser_page(UserFactory.create(role="SUPERADMIN", name="Sue"), width=PHONE)
    CheckedFactory.create(id="phones_equal", status="fail", offending=12, sample=[7, 9], remedy=LONG)
    page.goto("/admin/separation/checked/phones_equal/change/")
    fits(page)
    axe(page)
    finding = FindingFactory.create()
    page.goto(f"/admin/separation/finding/{finding.pk}/change/")
    page.get_by_label("Note").fill("Looked at it")
    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_text("Reviewed by Sue")).to_be_visible()
    fits(page)
    tappable(page)
    axe(page)
    page.goto("/admin/separation/finding/")
    fits(page)
