"""Whose house this is: tenants, their domains and limits, and the only place that switches schema."""
