"""Files of any layout, their columns mapped to fields by hand. Pure."""
