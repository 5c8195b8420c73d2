"""REST doors of this room: each checks what came in, calls one service, and shows the result."""
