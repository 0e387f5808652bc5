"""What joins the apps for a customer."""
