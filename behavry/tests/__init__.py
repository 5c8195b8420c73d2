"""Tests of whole calls, house rules and documentation."""
