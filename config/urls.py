"""Where requests go."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/separation/", include("separation.urls")),  # separation: line
    path("admin/", admin.site.urls),
    path("api/v1/staff/", include("backoffice.urls")),
    path("api/v1/", include("portal.urls")),
    path("", include("portal.page_urls")),
]
