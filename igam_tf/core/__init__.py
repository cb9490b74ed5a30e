"""What every stage stands on, and what knows nothing of any stage.

bounds      pixel ranges, and distances such as "8/255" in them
command     a command of the shell: flags from settings, help, one-line errors, exit codes
errors      the errors that a user can mend
files       files that are written whole or not at all
imports     objects of a user's own, by import path
modes       BatchNorm's mode, and the step of random places, handed through a model
precision   float32 and bfloat16
quiet       TensorFlow's start-up without its messages
randomness  random keys by purpose, seed and example
runtime     seeds, repeatable graphs, versions and machine
settings    settings as data: flags, configurations, digests, constructors
structure   the layers of a model, nested ones too
"""
