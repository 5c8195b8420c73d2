"""What comes back from a server, judged: its text, the secrets and orders in it, and what may be passed on."""
