"""The log: one append-only, hash-chained, totally ordered record per tenant, and its readers."""
