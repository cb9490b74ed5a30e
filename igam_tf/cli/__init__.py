"""The commands. Each module is one verb: flags in, public API called, text out; `bin/` starts them."""
