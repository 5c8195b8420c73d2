"""The house: settings, URLs and processes. It assembles the rooms and holds no logic."""
