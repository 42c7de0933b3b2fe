"""The pictures of docs/gallery.md; ``scripts/gallery`` makes them."""
