"""This room in the tenant's admin: one file per noun, registered here."""
