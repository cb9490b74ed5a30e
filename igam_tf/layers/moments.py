"""Mean and variance of each channel, over a batch or over all replicas' parts of it.

Their derivatives are right to every order. `tf.nn.moments` stops the gradient of the mean inside
the variance, so second derivatives would be wrong.
"""

import tensorflow as tf

Moments = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def of_batch(x: tf.Tensor) -> Moments:
    """Mean [C], biased variance [C] and number of values per channel of `x` [..., C]."""
    axes = list(range(x.shape.rank - 1))
    mean = tf.reduce_mean(x, axes)
    variance = tf.reduce_mean(tf.square(x - mean), axes)
    return mean, variance, tf.cast(tf.size(x) // tf.size(mean), x.dtype)


def means_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The mean of each value over all replicas; the values themselves outside of replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    means: list[tf.Tensor] = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
    return means


def of_replicas(x: tf.Tensor) -> Moments:
    """The same over the `x` of all replicas, in replica context; parts may differ in size.

    One collective operation sums a table in which each replica fills its own row with its count,
    mean and sum of squares; its derivatives are such sums again. The rows are combined as by Chan,
    Golub and LeVeque (1979): a variance as E[x^2] - E[x]^2 would lose digits in float32.
    """
    context = tf.distribute.get_replica_context()
    axes, channels = list(range(x.shape.rank - 1)), x.shape[-1]
    count = tf.cast(tf.size(x) // channels, x.dtype)
    mean = tf.reduce_sum(x, axes) / tf.maximum(count, 1.0)  # a part may be empty
    squares = tf.reduce_sum(tf.square(x - mean), axes)
    row = tf.concat([[count], mean, squares], 0)
    place = tf.one_hot(
        context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=x.dtype
    )
    table = context.all_reduce(tf.distribute.ReduceOp.SUM, place[:, None] * row)
    counts, means, squares = tf.split(table, [1, channels, channels], 1)
    total = tf.reduce_sum(counts)
    mean = tf.reduce_sum(counts * means, 0) / total
    variance = tf.reduce_sum(squares + counts * tf.square(means - mean), 0) / total
    return mean, variance, total
