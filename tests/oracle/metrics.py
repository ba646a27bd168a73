"""Reads metrics from standard input as Prometheus' own client does; prints the labels and the value of each."""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

print(json.dumps({sample.name: [sample.labels, sample.value]
                  for family in text_string_to_metric_families(sys.stdin.read())
                  for sample in family.samples}))
