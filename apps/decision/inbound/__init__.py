"""What comes back from a server, judged: its text found, its secrets and orders found in it, and what may be passed on."""
