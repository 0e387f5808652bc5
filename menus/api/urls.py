"""The app's part of /api/v1/."""

from django.urls import path

from menus.api import views
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("restaurants/<restaurant:slug>/menus", views.MenuList.as_view()),
    path("restaurants/<restaurant:slug>/menus/<int:pk>", views.MenuDetail.as_view()),
]
