"""What can be done in this room. Every change runs in one transaction and ends with its log entry."""
