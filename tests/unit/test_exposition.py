"""``jobs.health.exposition``: Prometheus's own parser reads what it writes."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from jobs.health.exposition import Family, Sample, histogram, render


@given(st.text())
def test_any_text_may_be_a_label(text: str) -> None:
    [family] = text_string_to_metric_families(render([Family("box", "gauge", "A box", [Sample(1, {"of": text})])]))
    assert family.samples[0].labels == {"of": text}


def test_a_histogram_is_cumulative_and_ends_with_all() -> None:
    samples = histogram((0.5, 10.0), (1, 2, 4), 70.5, {"queue": "q"})
    [family] = text_string_to_metric_families(render([Family("took", "histogram", "Took", samples)]))
    assert family.type == "histogram"
    assert [(one.name, one.labels.get("le"), one.value) for one in family.samples] == [
        ("took_bucket", "0.5", 1),
        ("took_bucket", "10", 3),
        ("took_bucket", "+Inf", 7),
        ("took_sum", None, 70.5),
        ("took_count", None, 7),
    ]


def test_a_family_without_samples_still_says_what_it_is_for() -> None:
    page = render([Family("lanes_total", "counter", "Lanes", []), Family("up", "gauge", "Up", [Sample(1)])])
    assert page == "# HELP lanes_total Lanes\n# TYPE lanes_total counter\n# HELP up Up\n# TYPE up gauge\nup 1.0\n"
