"""The gallery: known people, what their faces look like to a model, and the strangers who may get a name later."""
