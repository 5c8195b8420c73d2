"""How the console writes times and dates, by language: in UTC, and saying so."""
