"""A network that is over: its capture, looked at as if it ran."""
