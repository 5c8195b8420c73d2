"""The public MCP conformance suite, run against a fixture server directly and through the gateway, side by side."""
