"""Two real MCP servers and a scripted agent, so that a newcomer can watch calls being governed."""
