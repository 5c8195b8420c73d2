"""Who calls, for whom, and with what power: agents, their sessions and credentials, and the servers they reach."""
