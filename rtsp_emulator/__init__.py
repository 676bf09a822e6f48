"""RTSP cameras made of files, for the demo and for tests, that can be told to misbehave as real cameras do."""
