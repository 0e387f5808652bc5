"""What every endpoint of the REST API has in common."""
