"""What `classify` does: photos to labelled faces, kept safe on the way and written in many forms."""
