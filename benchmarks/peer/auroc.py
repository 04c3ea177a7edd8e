#!/usr/bin/env python3
"""AUROC of a million cases x 14 labels: scikit-learn against MedPeft.Lora, in alternating rounds on the same data.

    dotnet build benchmarks/MedPeft.Lora.Benchmarks -c Release
    python3 benchmarks/peer/auroc.py [--cases 1000000] [--rounds 5] [--out benchmarks/results/<machine>/auroc.md]

Needs numpy and scikit-learn. The scores are sigmoids in float32 as a model gives them, so that some tie; prevalences are those of ChestX-ray14.
"""
import argparse
import os
import platform
import statistics
import subprocess
import tempfile
import time

import numpy
import sklearn
from sklearn.metrics import roc_auc_score

PREVALENCE = [0.103, 0.025, 0.119, 0.177, 0.052, 0.056, 0.013, 0.047, 0.042, 0.021, 0.022, 0.015, 0.030, 0.002]


def data(cases):
    random = numpy.random.default_rng(1)
    labels = (random.random((cases, len(PREVALENCE))) < PREVALENCE).astype(numpy.float32)
    logits = random.standard_normal(labels.shape, dtype=numpy.float32) * 1.5 + labels * 2 - 3
    return (1 / (1 + numpy.exp(-logits))).astype(numpy.float32), labels


def processor():
    if os.path.exists("/proc/cpuinfo"):
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out")
    options = parser.parse_args()
    scores, labels = data(options.cases)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = os.path.join(root, "artifacts", "bin", "MedPeft.Lora.Benchmarks", "release", "MedPeft.Lora.Benchmarks.dll")
    peer, one, both = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        scores.tofile(os.path.join(folder, "scores.f32"))
        labels.tofile(os.path.join(folder, "labels.f32"))
        ours = subprocess.Popen(["dotnet", program, "auroc", folder, str(len(PREVALENCE))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(options.rounds):
            start = time.perf_counter()
            expected = [roc_auc_score(labels[:, k], scores[:, k]) for k in range(len(PREVALENCE))]
            peer.append(time.perf_counter() - start)
            ours.stdin.write("\n")
            ours.stdin.flush()
            seconds = ours.stdout.readline().split()
            one.append(float(seconds[0]))
            both.append(float(seconds[1]))
        ours.stdin.close()
        found = [float(value) for value in ours.stdout.readline().split()]
        ours.wait()

    difference = max(abs(a - b) for a, b in zip(expected, found))
    distinct = statistics.mean(len(numpy.unique(scores[:, k])) for k in range(len(PREVALENCE)))
    middle = statistics.median
    rows = [
        ("scikit-learn %s, numpy %s" % (sklearn.__version__, numpy.__version__), peer),
        ("MedPeft.Lora, one thread", one),
        ("MedPeft.Lora, %d threads" % os.cpu_count(), both),
    ]
    text = "# AUROC, %s cases x %d labels\n\n" % (format(options.cases, ","), len(PREVALENCE))
    text += "`python3 benchmarks/peer/auroc.py --cases %d --rounds %d`\n\n" % (options.cases, options.rounds)
    text += "%s, %d cores; Python %s; .NET %s. Medians of %d alternating rounds; float32 scores, %s of them distinct in the mean of the labels.\n\n" % (
        processor(), os.cpu_count(), platform.python_version(),
        subprocess.run(["dotnet", "--version"], capture_output=True, text=True, check=True).stdout.strip(), options.rounds, format(round(distinct), ","))
    text += "| | seconds, median | fastest | slowest | against scikit-learn |\n|---|---:|---:|---:|---:|\n"
    for name, seconds in rows:
        text += "| %s | %.3f | %.3f | %.3f | %.1fx |\n" % (name, middle(seconds), min(seconds), max(seconds), middle(peer) / middle(seconds))
    text += "\nLargest difference of an area: %.2g.\n" % difference
    print(text)
    if options.out:
        os.makedirs(os.path.dirname(options.out), exist_ok=True)
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
