"""Whether this machine computes what it should, and how fast: the checks of `selfcheck`."""

# In the order in which they run (`igam_tf.selfcheck.checking`).
CHECKS = ("environment", "batch_norm", "igam_step", "replicas", "attack", "training", "paper_hours")
