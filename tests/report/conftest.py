"""The HTML pages that several modules test."""

import dataclasses

import pytest

from igam_tf import report
from igam_tf.experiments import claims, summary
from igam_tf.report.table_document import Document

from . import samples


@pytest.fixture(scope="module")
def document() -> Document:
    """A document with a claim that holds, one that does not and one that is not tested."""
    document = report.document(samples.TABLE, samples.results(), 7)
    first, second, third = document.findings
    cells = (("IGAM-MNIST", "fgsm"), ("Standard", "fgsm"))
    findings = (
        claims.Finding(first.claim, True, *cells, (60.0, 40.5)),
        claims.Finding(second.claim, False, *cells, (1.25, 2.0)),
        third,
    )
    return dataclasses.replace(document, findings=findings)


@pytest.fixture(scope="module")
def of_one(document: Document) -> str:
    return report.report_html([document], None, {7: samples.PICTURES})


@pytest.fixture(scope="module")
def of_seeds() -> str:
    by_seed = samples.by_seed()
    documents = [report.document(samples.TABLE, results, seed) for seed, results in by_seed.items()]
    means = summary.summarise(samples.TABLE, by_seed)
    return report.report_html(documents, means, {4: samples.PICTURES})
