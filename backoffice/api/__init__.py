"""The staff API of what joins the apps."""
