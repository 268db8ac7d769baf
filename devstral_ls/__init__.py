"""A language server that brings a local code model to any editor."""
