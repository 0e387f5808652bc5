"""Orders and what is on them."""
