"""The functions a policy may call. None of them reaches the network, the clock or the environment."""
