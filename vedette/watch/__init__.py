"""Video with what Vedette sees drawn in: boxes, track ids and names."""
