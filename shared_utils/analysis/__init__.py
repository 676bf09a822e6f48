"""What the workers that look at segments share: frames, tracks, and one line for each task."""
