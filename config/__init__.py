"""What the whole project shares: settings, urls, the embedded server, fields over legacy columns."""
