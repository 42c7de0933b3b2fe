"""The dock widget: translates between a session and napari; no image processing in here."""
