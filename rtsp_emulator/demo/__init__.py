"""What the demo scene is made of: photographs, the people in them, the yard they cross and how they walk."""
