"""The commands, one module each: flags in, public API called, text out. `bin/` starts them."""
