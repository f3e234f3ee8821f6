"""Captures: pcap and pcapng, written and read, and the names of flows for their comments."""
