"""The rulebook: Rego policies and DLP settings, compiled into one frozen object per tenant and version."""
