"""The app's part of /api/v1/."""

from django.urls import path

from restaurants.api import slugs, views  # noqa: F401 (slugs makes <restaurant:slug> known)

urlpatterns = [
    path("restaurants", views.RestaurantList.as_view()),
    path("restaurants/<restaurant:slug>", views.RestaurantDetail.as_view()),
]
