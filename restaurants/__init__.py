"""Restaurants: the tenants. Depends on nothing."""
