"""What the staff's API has of restaurants and their customers, who know nothing of staff."""

from django.urls import path

from backoffice.api import customers, restaurants
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("restaurants", restaurants.RestaurantsView.as_view()),
    path("restaurants/<restaurant:slug>", restaurants.RestaurantView.as_view()),
    path("customers", customers.CustomersView.as_view()),
    path("customers/<int:customer_id>", customers.CustomerView.as_view()),
    path("customers/<int:customer_id>/restaurants/<restaurant:slug>", customers.NotesView.as_view()),
]
