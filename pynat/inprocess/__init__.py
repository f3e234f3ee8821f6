"""Hosts within the process: the router's other end of a connection that needs no socket."""
