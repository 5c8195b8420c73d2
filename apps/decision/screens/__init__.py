"""Stages that judge a call before policy is asked: one file each, one pure function `screen` each.

`screen(call, facts, findings)` answers with a decision where this stage settles the call, and with None otherwise.
"""
