"""What joins the apps for staff: the admin site."""
