"""From image files to pixels, and from pixels to faces."""
