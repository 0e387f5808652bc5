"""The app's part of /api/v1/."""

from django.urls import path

from orders.api import views

urlpatterns = [
    path("me/orders", views.OrdersView.as_view()),
    path("me/orders/<int:order_id>", views.OrderView.as_view()),
]
