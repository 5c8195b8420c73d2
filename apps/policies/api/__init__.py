"""REST doors of this room: one file for each resource."""
