"""Input: folders and files become lazy stacks."""
