"""A test of a function: which calls to try, where it goes, and how it is written there."""
