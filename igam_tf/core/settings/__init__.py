"""Settings, each declared once. Nothing here imports TensorFlow.

A setting is an annotated field of a frozen dataclass. The constructor checks its value, whether it
comes from Python, JSON or a command line, and the error message is the same::

    @dataclasses.dataclass(frozen=True)
    class Schedule(Settings):
        steps: Annotated[int, Setting("Training iterations.", at_least=1)]
        optimizer: Annotated[str, Setting("The update rule.", choices=OPTIMIZERS)] = "momentum"

    Schedule(0)     # InputError: steps: expected a whole number of at least 1, got 0

Everything else is derived from the field:

    fields          the check; conversion of lists and NumPy numbers to tuples and Python numbers
    configuration   conversion to and from JSON; the digest that names a run's directory
    signature       keyword arguments of a constructor, in `help` and `inspect.signature`
    flags           absl flags of a command; their defaults can come from an instance

    choices         the closed lists of names
    datasets        names and image formats of the data sets
    devices         the settings of training on several devices
    training        the settings of the three trainers
"""

from igam_tf.core.settings.configuration import digest, from_dict, to_dict, to_json
from igam_tf.core.settings.fields import Setting, Settings, fields_of, optional, values_of
from igam_tf.core.settings.signature import constructor

__all__ = [
    "Setting",
    "Settings",
    "constructor",
    "digest",
    "fields_of",
    "from_dict",
    "optional",
    "to_dict",
    "to_json",
    "values_of",
]
