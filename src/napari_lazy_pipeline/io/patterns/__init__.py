"""Patterns: what the names of files mean."""
