"""The built-in rules, one class or group of languages per file. Each row carries what it finds and what it must not."""
