"""Restaurants, the tenants of the platform."""

from django.db import models

from config.fields import LegacyDateTimeField, LineField


class Restaurant(models.Model):
    """A place with tables; everything else belongs to one."""

    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255, unique=True)
    description = models.TextField(null=True, blank=True)
    cuisine = models.CharField(max_length=100, null=True, blank=True)
    address = models.TextField(null=True, blank=True)
    city = models.CharField(max_length=100, null=True, blank=True)
    state = models.CharField(max_length=50, null=True, blank=True)
    zip_code = models.CharField(max_length=20, null=True, blank=True)
    country = models.CharField(max_length=100, null=True, blank=True)
    phone = models.CharField(max_length=50, null=True, blank=True)
    email = models.CharField(max_length=255, null=True, blank=True)
    website = LineField(null=True, blank=True)
    logo_url = LineField(null=True, blank=True)
    cover_image_url = LineField(null=True, blank=True)
    opening_hours = models.JSONField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "restaurants"
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
