"""Enrolling people, naming strangers, and taking both back: what the commands `vedette faces …` do."""
