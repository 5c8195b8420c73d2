"""Tests of the demo servers, the agent and the clients."""
