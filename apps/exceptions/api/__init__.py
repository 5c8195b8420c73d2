"""The room's REST doors, one noun per file."""
