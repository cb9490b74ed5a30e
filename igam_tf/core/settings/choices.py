"""The closed lists of names that settings choose from."""

STATISTICS = ("moving", "batch")  # of BatchNorm
MODES = (*STATISTICS, "recalibrated")  # of an evaluation
NORMALIZATIONS = ("per_image", "unit_norm", "l2")
GRADIENTS_OF = ("softmax", "xent")
EXPORT_GRADIENTS = (*GRADIENTS_OF, "both")
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras' policy by precision
PRECISIONS = tuple(POLICIES)
NETWORKS = ("wide_resnet", "mnist_cnn")
INITIAL_WEIGHTS = ("fresh", "keep")  # of a saved network
OBJECTIVES = ("pgd", "trades")  # of adversarial training
OPTIMIZERS = ("momentum", "keras_momentum", "adam")
MATCHED_TO = ("teacher", "other_images", "zero")
REPORT_FORMATS = ("text", "md", "json", "html")
HEADS = ("target", "source")  # of a fine-tuned teacher, for attacks
EXPORT_FORMATS = ("savedmodel", "keras", "weights")
COLORS = ("grey", "rgb")
STRATEGIES = ("none", "mirrored", "multi_worker")  # of tf.distribute
