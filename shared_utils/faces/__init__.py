"""Faces in pictures: found, aligned, judged, and made into embeddings. What matches them is the gallery."""
