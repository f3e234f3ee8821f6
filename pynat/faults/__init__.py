"""What the network does wrong on purpose: each is a wrapper of the part that does it right."""
