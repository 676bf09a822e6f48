"""What `vedette check` looks at. Each check looks, changes nothing, and says what it found."""
