"""pynat: the network that a guest under Bochs plugs into."""

__version__ = "0.1.0"
