"""Tokenizer files of other kinds, rewritten as the one kind that the run time reads: tokenizer.json."""
