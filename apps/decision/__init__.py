"""The judgement itself: plain Python without Django, I/O or a clock. Time and facts are arguments."""
