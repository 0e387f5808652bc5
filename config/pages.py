"""Pages of our own inside the frame of the admin."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse


def staff_page(
    request: HttpRequest, template: str, *, title: str, trail: Sequence[tuple[str, str]] = (), **context: Any
) -> TemplateResponse:
    """Return TEMPLATE, which extends `backoffice/page.html`, with CONTEXT and what the admin's frame needs.

    TRAIL leads here: the text and the address of each page above this one. Who may see the page is for the view to
    decide before it comes here; it stands inside `admin_view`, so that whoever is not staff never does.
    """
    frame = admin.site.each_context(request)
    return TemplateResponse(request, template, {**frame, "title": title, "trail": trail, **context})
