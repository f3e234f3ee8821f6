"""How an engine comes to life, whatever the link."""
