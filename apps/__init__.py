"""The rooms of the house. Who may import whom is written in pyproject.toml and checked."""
