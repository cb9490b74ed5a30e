"""Checks for gradient masking and misjudged robustness: is what an attack says about a model to be
believed?

On a trained model and its test images::

    diagnosis = diagnostics.diagnose(model, dataset.test, epsilon="8/255", step_size="2/255",
    steps=20) print(diagnostics.diagnosis_text(diagnosis))
    [check.name for check in diagnosis.warnings]

Parts: `subject` is the model and the attack in question, `probes` runs attacks and looks at logits
and gradients, `checks` turns what they found into PASS, WARN or SKIP by the thresholds at its top,
`chance` says which counts may be luck, `alignment` measures the terms of the paper's Eq. 18,
`diagnosis` is the result and its text.

The checks follow the advice of Athalye et al. (2018) and Carlini et al. (2019). PASS means that a
check found nothing, not that a model is robust.
"""

from igam_tf.evaluation.diagnostics.alignment import Alignment, alignment
from igam_tf.evaluation.diagnostics.diagnosis import Check, Diagnosis, diagnosis_text
from igam_tf.evaluation.diagnostics.run import diagnose

__all__ = ["Alignment", "Check", "Diagnosis", "alignment", "diagnose", "diagnosis_text"]
