"""Finding secrets and personal data in JSON values and plain text. Pure: no clock, no network, no database."""
