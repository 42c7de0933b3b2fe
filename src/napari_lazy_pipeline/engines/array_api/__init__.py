"""Array_api."""
