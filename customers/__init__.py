"""Customers: who eats there. Knows nothing of staff."""
