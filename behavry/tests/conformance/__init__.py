"""Tests of the conformance harness, its fixture and its Node toolbox."""
