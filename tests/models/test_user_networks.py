"""Networks by source: what is made fit and said so, what is refused, and what loads again."""

import pathlib
import textwrap

import keras
import numpy as np
import pytest

from igam_tf import layers, models, training
from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.errors import InputError
from igam_tf.experiments import trained
from igam_tf.models.heads import without_softmax
from igam_tf.models.user_networks import _scaling

SHAPE, CLASSES = (16, 16, 3), 3
X = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
OWN = """
    import keras

    @keras.saving.register_keras_serializable("mine")
    class Net(keras.Model):
        def __init__(self, num_classes, **kwargs):
            super().__init__(**kwargs)
            self.conv = keras.layers.Conv2D(8, 3, kernel_regularizer=keras.regularizers.L2(1e-4))
            self.norms = [keras.layers.GroupNormalization(4), keras.layers.BatchNormalization()]
            self.drop = keras.layers.Dropout(0.5)
            self.head = keras.layers.Dense(num_classes)
            self.num_classes = num_classes

        def get_config(self):
            return {**super().get_config(), "num_classes": self.num_classes}

        def call(self, x, training=None):
            x = self.conv(x / 255)
            for norm in self.norms:
                x = norm(x, training=training) if "batch" in norm.name else norm(x)
            x = self.drop(keras.ops.mean(keras.activations.silu(x), (1, 2)), training=training)
            return self.head(x)

    def net(input_shape, num_classes):
        return Net(num_classes)

    def functional(input_shape, num_classes, activation=None):
        inputs = keras.Input(input_shape)
        x = keras.layers.SeparableConv2D(8, 3, activation="relu6")(inputs)
        x = keras.layers.BatchNormalization(scale=False)(x)
        x = keras.layers.LayerNormalization()(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(inputs, keras.layers.Dense(num_classes, activation=activation)(x))

    def probabilities(input_shape, num_classes):
        return functional(input_shape, num_classes, "softmax")

    def other_classes(input_shape, num_classes):
        return functional(input_shape, 7)

    def other_input(input_shape, num_classes):
        return functional((8, 8, 1), num_classes)

    def failing(input_shape, num_classes):
        raise ValueError("no weights")

    def no_model(input_shape, num_classes):
        return 3

    class NoHead(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.conv = keras.layers.Conv2D(3, 3)

        def call(self, x):
            return keras.ops.mean(self.conv(x), (1, 2))

    def no_head(input_shape, num_classes):
        return NoHead()
"""


@pytest.fixture
def own(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "own.py"
    file.write_text(textwrap.dedent(OWN))
    return file


def build(source: str, lines: list[str] | None = None, bounds: Bounds = PIXELS) -> keras.Model:
    log = [] if lines is None else lines
    return models.user_network(source, SHAPE, CLASSES, bounds, say=log.append)


@pytest.mark.parametrize("function", ["net", "functional", "probabilities"])
def test_a_function_of_a_users_own(own: pathlib.Path, function: str) -> None:
    lines: list[str] = []
    model = build(f"{own}:{function}", lines)
    assert (model.input_shape, model.output_shape) == ((None, *SHAPE), (None, CLASSES))
    assert layers.bounds_of(model) == PIXELS
    assert not layers.stock_normalizations(model)
    assert any("2 normalisation layers" in line for line in lines)
    assert any("softmax" in line for line in lines) == (function == "probabilities")
    assert len(lines) == 1 + (function == "probabilities")
    assert abs(float(np.sum(model(X), -1)[0]) - 1) > 1e-3  # no probabilities


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("OWN:other_classes", r"own.py:other_classes gives \[7\] for an image, .* 3 classes"),
        ("OWN:other_input", r"other_input does not take images \(16, 16, 3\)"),
        ("OWN:failing", r"failing failed \(ValueError: no weights\)"),
        ("OWN:no_model", "no_model is int, expected a Keras model"),
        ("OWN:nothing", "has no 'nothing'"),
        ("keras:NoNet", "expected keras:NAME with one of .*MobileNetV2"),
        ("keras:MobileNetV2:alpha", "expected options such as alpha=0.35, got 'alpha'"),
        ("keras:MobileNetV2:depth=3", "unexpected keyword argument 'depth'"),
        ("keras:MobileNetV2:weights=no.weights.h5", r"no\.weights\.h5"),
        ("no.keras", "no.keras is not a file"),
        ("resnet", "expected wide_resnet, mnist_cnn, PATH.keras, keras:NAME"),
    ],
)
def test_mistakes_are_one_line(own: pathlib.Path, source: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build(source.replace("OWN", str(own)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("function", ["net", "functional"])
def test_it_loads_again_and_goes_on(
    own: pathlib.Path, tmp_path: pathlib.Path, function: str
) -> None:
    model = build(f"{own}:{function}")
    model(X, training=True)  # moving averages that are no longer the first ones
    model.save(tmp_path / "model.keras")
    loaded = trained.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(X), model(X), rtol=1e-6)
    assert len(layers.batch_norms(loaded)) == 1


@pytest.mark.parametrize(("initial_weights", "equal"), [("fresh", False), ("keep", True)])
def test_a_saved_network(
    own: pathlib.Path, tmp_path: pathlib.Path, initial_weights: str, equal: bool
) -> None:
    model = build(f"{own}:functional")
    model.save(tmp_path / "model.keras")
    source = str(tmp_path / "model.keras")
    copy = models.user_network(source, SHAPE, CLASSES, PIXELS, initial_weights)
    assert np.allclose(copy(X), model(X)) == equal
    with pytest.raises(InputError, match="initial_weights: expected one of fresh, keep"):
        models.user_network(source, SHAPE, CLASSES, PIXELS, "old")
    with pytest.raises(InputError, match=r"takes pixels in .*255.*, the data has"):
        models.user_network(source, SHAPE, CLASSES, UNIT)


@pytest.mark.parametrize("function", ["net", "functional"])
def test_as_a_teacher_it_gets_a_new_head(
    own: pathlib.Path, tmp_path: pathlib.Path, function: str
) -> None:
    model = build(f"{own}:{function}")
    teacher = models.with_new_head(model, 5)
    assert teacher(X).shape == (2, 5)
    np.testing.assert_allclose(models.source_view(teacher)(X), model(X), rtol=1e-5, atol=1e-6)
    teacher.save(tmp_path / "teacher.keras")
    loaded = trained.load_model(tmp_path / "teacher.keras")
    np.testing.assert_allclose(loaded(X), teacher(X), rtol=1e-6)
    np.testing.assert_allclose(models.source_view(loaded)(X), model(X), rtol=1e-5, atol=1e-6)


def test_a_teacher_without_a_dense_head_is_refused(own: pathlib.Path) -> None:
    with pytest.raises(InputError, match="needs a Dense logit layer"):
        models.with_new_head(build(f"{own}:no_head"), 5)


@pytest.mark.slow
def test_an_application_has_its_scaling_inside(tmp_path: pathlib.Path) -> None:
    shape = (32, 32, 3)
    x = np.random.default_rng(0).uniform(0, 255, (1, *shape)).astype(np.float32)
    source = "keras:MobileNetV2:alpha=0.35"
    model = models.user_network(source, shape, CLASSES, PIXELS, say=lambda _: None)
    inside = keras.Model(model.input, model.get_layer("scaling").output)
    expected = keras.applications.mobilenet_v2.preprocess_input(x.copy())
    np.testing.assert_allclose(inside(x), expected, atol=1e-5)
    body = keras.applications.MobileNetV2(shape, 0.35, False, None, pooling="avg")
    body.save_weights(tmp_path / "own.weights.h5")
    weights = f"{source}:weights={tmp_path / 'own.weights.h5'}"
    pretrained = models.user_network(weights, shape, CLASSES, PIXELS, say=lambda _: None)
    features = keras.Model(pretrained.input, pretrained.layers[-2].output)
    np.testing.assert_allclose(features(x), body(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ResNet50", "DenseNet121", "EfficientNetB0", "VGG16"])
@pytest.mark.parametrize("bounds", [PIXELS, UNIT])
def test_documented_scaling(name: str, bounds: Bounds) -> None:
    build = getattr(keras.applications, name)
    module = __import__(build.__module__, fromlist=["preprocess_input"])
    matrix, offset = _scaling(build, 3, bounds)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3))
    scaled = pixels / (255 / bounds.high) @ np.array(matrix) + offset
    expected = module.preprocess_input(pixels.astype(np.float32))
    np.testing.assert_allclose(scaled, expected, atol=1e-3)


def test_a_softmax_layer_is_cut_off() -> None:
    inputs = keras.Input((4,))
    logits = keras.layers.Dense(3)(inputs)
    lines: list[str] = []
    model = without_softmax(keras.Model(inputs, keras.layers.Softmax()(logits)), lines.append)
    x = keras.ops.ones((1, 4))
    np.testing.assert_allclose(model(x), keras.Model(inputs, logits)(x))
    assert len(lines) == 1
    assert without_softmax(model, lines.append) is model
    assert len(lines) == 1


@pytest.mark.parametrize("function", ["net", "functional"])
def test_it_trains_as_a_student(own: pathlib.Path, function: str) -> None:
    """With dropout, group normalisation and a regulariser; the discriminator sees 16 x 16."""
    keras.utils.set_random_seed(1)
    student = build(f"{own}:{function}")
    teacher = models.with_new_head(build(f"{own}:{function}"), CLASSES)
    trainer = training.Igam(
        student, teacher, models.discriminator(SHAPE, 2, 4), lambda_adv=1.0, lambda_diff=10.0
    )
    trainer.compile(training.Momentum(0.01), training.Momentum(0.01))
    before = [np.array(weight) for weight in student.trainable_weights]
    y = np.array([0, 2])
    logs = trainer.train_on_batch(X, y, return_dict=True)
    assert np.isfinite(list(map(float, logs.values()))).all()
    assert all(
        not np.array_equal(old, new)
        for old, new in zip(before, student.trainable_weights, strict=True)
        if "beta" not in new.path
    )
