"""A Keras model whose steps run on every replica of the scope in which it was built."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf.training import checks, distribution


class ReplicatedModel(keras.Model, abc.ABC):
    """Step functions on one device, which are Keras' own, or on the replicas of a scope.

    On replicas one iteration is `_train_replicas`, `_count_iteration`, and the results of the
    metrics, all in cross-replica context: there the trackers' sums are those of all replicas.
    """

    train_function: Any  # Keras'
    test_function: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._strategy = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
        self._sync_batchnorm = False

    # Methods, not properties: Keras saves the weights of all models that are attributes.
    @abc.abstractmethod
    def _models(self) -> list[keras.Model]:
        """The models that a step calls."""

    def _trained_layers(self) -> Sequence[keras.layers.Layer]:
        """Those of the models, or layers of them, that a step trains.

        Frozen ones are called in inference mode, and their penalties are no part of the loss.
        """
        return self._models()

    @abc.abstractmethod
    def _optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The optimisers of a step."""

    @abc.abstractmethod
    def _check_batch(self, data: Any) -> None:
        """Raises an InputError for a batch that does not fit."""

    @abc.abstractmethod
    def _train_replicas(self, data: Any) -> None:
        """Runs one update on all replicas.

        `optimizer.apply` must not lie inside a conditional of a replica: branches go around the
        calls of `run`.
        """

    @abc.abstractmethod
    def _count_iteration(self) -> None:
        """Ends an iteration; in cross-replica context."""

    def _variables_in_scope(self) -> list[keras.Variable]:
        """The variables that a step reads or writes."""
        models = [variable for model in self._models() for variable in model.variables]
        optimizers = [v for optimizer in self._optimizers() for v in optimizer.variables]
        return [*models, *self.variables, *optimizers]

    def _require_scope(self) -> None:
        """Raises an InputError unless all belongs to one scope and works in it."""
        distribution.require_scope(self.name, self._strategy, self._variables_in_scope())
        if self._strategy is not None:
            distribution.require_support(
                self.name,
                self._strategy,
                self._trained_layers(),
                self._optimizers(),
                self.jit_compile,
            )

    def make_train_function(self, force: bool = False) -> None:
        if self._strategy is None:
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = self._replicated(self._replicated_train_step, True)
        self.train_function = self._first_batch_checked(self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        if self._strategy is None:
            super().make_test_function(force)
        elif self.test_function is None or force:
            self.test_function = self._replicated(self._replicated_test_step, False)
        self.test_function = self._first_batch_checked(self.test_function)

    def _first_batch_checked(self, step: Any) -> checks.FirstBatchChecked:
        """The step function, due for a check: Keras asks for it at the start of each call."""
        if not isinstance(step, checks.FirstBatchChecked):
            step = checks.FirstBatchChecked(step, self._check_batch, self.steps_per_execution)
        step.due = True
        return step

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # Keras builds its metrics on the mean of the replicas' parts, which may be unequal here.
        if self._strategy is not None and iterator is not None:
            iterator, data_batch = None, distribution.first_part(self._strategy, iterator)
        super()._maybe_symbolic_build(iterator, data_batch)

    def _replicated(self, step: distribution.StepFn, equal: bool) -> distribution.ReplicatedStep:
        return distribution.ReplicatedStep(
            self.distribute_strategy, step, self.steps_per_execution, self.run_eagerly, equal
        )

    def _replicated_train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self._train_replicas(data)
        self._count_iteration()
        return self.get_metrics_result()

    def _replicated_test_step(self, data: Any) -> dict[str, tf.Tensor]:
        names = self.distribute_strategy.run(self.test_step, (data,))
        results = self.get_metrics_result()
        return {name: results[name] for name in names}
