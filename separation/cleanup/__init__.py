"""Clean-up: the customers leave `users` for good. The only part of the separation that destroys anything."""
