"""The small pages behind the links of mails."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
