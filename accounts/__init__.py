"""Staff: who runs restaurants, their roles and log-in."""
