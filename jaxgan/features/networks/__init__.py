"""Published networks that make features: their modules, layer by layer."""
