"""How messages reach an upstream MCP server and how its messages come back: over HTTP or through a child's pipes."""
