"""The foundation: every stage imports from here, and nothing here imports a stage.

bounds      pixel ranges, and perturbation sizes such as "8/255" in them
command     a shell command: flags from settings, help, one-line errors, exit codes
errors      errors that a user can correct
files       atomic file writes
imports     a user's own objects, by import path
modes       the BatchNorm mode and the iteration of random pads, passed through a model
precision   float32 and bfloat16
quiet       hides TensorFlow's start-up messages
randomness  random keys from seed, purpose and number
runtime     seeds, repeatable graphs, the record of versions and machine
settings    settings declared once: flags, configurations, digests, constructors
structure   the layers of a model, including nested ones
"""
