"""The door for traffic: MCP calls come in, are judged and recorded, and only then go out."""
