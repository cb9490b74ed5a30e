"""Checks for gradient masking: can an attack's result on a model be trusted?

On a trained model and its test images::

    amounts = {"epsilon": "8/255", "step_size": "2/255", "steps": 20}
    diagnosis = diagnostics.diagnose(model, dataset.test, **amounts)
    print(diagnostics.diagnosis_text(diagnosis))
    [check.name for check in diagnosis.warnings]

Parts:

* `subject`: the model and the attack in question;
* `clean_statistics`: logits and gradients on the clean images;
* `outcomes`: the attacks, and which examples survive each;
* `outputs`, `comparisons`: the checks, PASS, WARN or SKIP by the thresholds at their top;
* `chance`: p-values of counts;
* `alignment`: the terms of the paper's Eq. 18;
* `diagnosis`: the result and its text.

The checks follow the advice of Athalye et al. (2018) and Carlini et al. (2019). PASS means that a
check found nothing, not that a model is robust.
"""

from igam_tf.evaluation.diagnostics.alignment import Alignment, alignment
from igam_tf.evaluation.diagnostics.diagnosis import Check, Diagnosis, diagnosis_text
from igam_tf.evaluation.diagnostics.run import diagnose

__all__ = ["Alignment", "Check", "Diagnosis", "alignment", "diagnose", "diagnosis_text"]
