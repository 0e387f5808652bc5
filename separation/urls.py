"""The board of the admin, in the place of the list of its pages, and what its buttons and its script ask for."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from separation import pages

urlpatterns = [
    path("", admin.site.admin_view(require_GET(pages.board)), name="separation_board"),
    path("live/", admin.site.admin_view(require_GET(pages.live)), name="separation_live"),
    path("verify/", admin.site.admin_view(require_POST(pages.verify)), name="separation_verify"),
]
