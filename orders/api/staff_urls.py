"""The app's part of /api/v1/staff/."""

from django.urls import path

from orders.api import staff_views as views
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("orders", views.OrdersView.as_view()),
    path("orders/<int:order_id>", views.OrderView.as_view()),
    path("orders/<int:order_id>/status", views.StatusView.as_view()),
    path("orders/<int:order_id>/reopen", views.ReopenView.as_view()),
    path("orders/<int:order_id>/items", views.ItemsView.as_view()),
    path("orders/<int:order_id>/items/<int:item_id>", views.ItemView.as_view()),
    path("orders/<int:order_id>/items/<int:item_id>/status", views.ItemStatusView.as_view()),
    path("restaurants/<restaurant:slug>/dishes", views.DishesView.as_view()),
]
