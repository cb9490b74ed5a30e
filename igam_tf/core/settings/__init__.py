"""What can be set, as data: every setting is declared once, and nothing here starts TensorFlow.

A setting is an annotated field of a frozen dataclass. Its type is checked whenever the dataclass is
built, from Python, from JSON or from a command line, with the same message::

    @dataclasses.dataclass(frozen=True)
    class Schedule(Settings):
        steps: Annotated[int, Setting("Training iterations.", at_least=1)]
        optimizer: Annotated[str, Setting("The update rule.", choices=OPTIMIZERS)] = "momentum"

    Schedule(0)     # InputError: steps: expected a whole number of at least 1, got 0

What follows from the field:

    fields          the check, and lists and NumPy numbers as plain tuples and numbers
    configuration   JSON there and back, and the digest that names a run's directory
    signature       keyword arguments of a constructor, in `help` and `inspect.signature`
    flags           absl flags of a command, with defaults taken from an example

    choices         the closed lists of names that settings choose from
    datasets        the data sets by name, known without reading them
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
