"""Finding instructions where data should be: text for an agent's eyes that tries to steer it. Pure, like its parent."""
