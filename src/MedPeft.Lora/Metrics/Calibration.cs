using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>How far predicted probabilities are from what happened.</summary>
public static class Calibration
{
    /// <summary>Equal bins of the reliability diagram and of the expected calibration error, unless others are asked for.</summary>
    public const int DefaultBins = 15;

    /// <summary>The least probability of the true class in a logarithm, so that one sure mistake costs 34.5 and not infinity.</summary>
    private const double Clip = 1e-15;

    /// <summary>Turns logits into probabilities: 1 / (1 + e⁻ˣ), computed in double precision.</summary>
    /// <param name="logits">Any finite numbers.</param>
    /// <param name="temperature">Divides the logits, above 0; 1 unless given. <see cref="TemperatureScaling"/> finds it.</param>
    /// <returns>As many probabilities. Logits above 17 all give 1 in single precision: rank cases by their logits.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not finite and above 0.</exception>
    public static float[] Sigmoid(ReadOnlySpan<float> logits, double temperature = 1) => Array.ConvertAll(Probabilities(logits, temperature), p => (float)p);

    /// <summary>The mean squared difference of probability and label (Brier 1950, Mon. Weather Rev. 78:1-3).</summary>
    /// <param name="probabilities">One per case, 0 to 1.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per probability.</param>
    /// <returns>0 (perfect) to 1; 0.25 for a constant 0.5; null where all labels are missing.</returns>
    /// <exception cref="ArgumentException">
    /// No probabilities, lengths that differ, a probability outside 0 … 1, a label that is not 0, 1 or NaN.
    /// </exception>
    public static double? Brier(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> labels) => Brier(Checked(probabilities, labels), labels);

    /// <summary>The mean of -log of the probability given to the true class, which counts as 1e-15 at least.</summary>
    /// <param name="probabilities">One per case, 0 to 1.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per probability.</param>
    /// <returns>0 (perfect) and up; 0.693 for a constant 0.5; null where all labels are missing.</returns>
    /// <exception cref="ArgumentException">
    /// No probabilities, lengths that differ, a probability outside 0 … 1, a label that is not 0, 1 or NaN.
    /// </exception>
    public static double? NegativeLogLikelihood(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> labels) =>
        NegativeLogLikelihood(Checked(probabilities, labels), labels);

    /// <summary>The expected calibration error: |mean probability - share of positives| of each bin, weighted by its cases.</summary>
    /// <remarks>
    /// Bins are equally wide, bin = min(⌊bins·p⌋, bins - 1), and p is the probability of the positive class. Values of other bins or of
    /// "confidence" binning are not comparable (Nixon et al. 2019, CVPR Workshops).
    /// </remarks>
    /// <param name="probabilities">One per case, 0 to 1.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per probability.</param>
    /// <param name="bins">At least 1; 15 unless given.</param>
    /// <returns>0 to 1; null where all labels are missing.</returns>
    /// <exception cref="ArgumentException">
    /// No probabilities, lengths that differ, a probability outside 0 … 1, a label that is not 0, 1 or NaN.
    /// </exception>
    public static double? ExpectedError(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> labels, int bins = DefaultBins) =>
        ExpectedError(Reliability(probabilities, labels, bins));

    /// <summary>The bins of a reliability diagram, equally wide from 0 to 1.</summary>
    /// <param name="probabilities">One per case, 0 to 1.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per probability.</param>
    /// <param name="bins">At least 1; 15 unless given.</param>
    /// <returns>All bins in order, empty ones too.</returns>
    /// <exception cref="ArgumentException">
    /// No probabilities, lengths that differ, a probability outside 0 … 1, a label that is not 0, 1 or NaN.
    /// </exception>
    public static IReadOnlyList<ReliabilityBin> Reliability(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> labels, int bins = DefaultBins) =>
        Reliability(Checked(probabilities, labels), labels, bins);

    internal static double? Brier(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        var (sum, count) = (new Sum(), 0);
        for (var i = 0; i < labels.Length; i++)
        {
            if (float.IsNaN(labels[i])) continue;
            var miss = probabilities[i] - labels[i];
            sum.Add(miss * miss);
            count++;
        }

        return count == 0 ? null : sum.Value / count;
    }

    internal static double? NegativeLogLikelihood(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        var (sum, count) = (new Sum(), 0);
        for (var i = 0; i < labels.Length; i++)
        {
            if (float.IsNaN(labels[i])) continue;
            sum.Add(-Math.Log(Math.Max(labels[i] == 1f ? probabilities[i] : 1 - probabilities[i], Clip)));
            count++;
        }

        return count == 0 ? null : sum.Value / count;
    }

    internal static IReadOnlyList<ReliabilityBin> Reliability(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, int bins)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bins);
        var (sums, positives, counts) = (new Sum[bins], new int[bins], new int[bins]);
        for (var i = 0; i < labels.Length; i++)
        {
            if (float.IsNaN(labels[i])) continue;
            var bin = Math.Min((int)(bins * probabilities[i]), bins - 1);
            sums[bin].Add(probabilities[i]);
            counts[bin]++;
            if (labels[i] == 1f) positives[bin]++;
        }

        return [.. counts.Select((count, bin) => new ReliabilityBin(
            (double)bin / bins, (double)(bin + 1) / bins, count, sums[bin].Value / count, (double)positives[bin] / count))];
    }

    internal static double? ExpectedError(IReadOnlyList<ReliabilityBin> bins)
    {
        var total = bins.Sum(b => (long)b.Count);
        return total == 0 ? null : bins.Where(b => b.Count > 0).Sum(b => Math.Abs(b.MeanProbability - b.PositiveShare) * b.Count / total);
    }

    /// <summary>Probabilities of logits in double precision.</summary>
    internal static double[] Probabilities(ReadOnlySpan<float> logits, double temperature)
    {
        if (!(temperature > 0 && double.IsFinite(temperature)))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "A temperature divides the logits: it is finite and above 0.");
        var result = new double[logits.Length];
        for (var i = 0; i < result.Length; i++) result[i] = Logistic(logits[i] / temperature);
        return result;
    }

    /// <summary>1 / (1 + e⁻ˣ), without overflow and with full precision at both ends.</summary>
    internal static double Logistic(double x)
    {
        var small = Math.Exp(-Math.Abs(x));
        return (x < 0 ? small : 1) / (1 + small);
    }

    /// <summary>Checks the cells and demands probabilities.</summary>
    internal static double[] Checked(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> labels)
    {
        Cells.Check(probabilities, labels);
        var result = new double[probabilities.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = probabilities[i];
            if (result[i] is >= 0 and <= 1) continue;
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"The probability of case {i} is {probabilities[i]}; probabilities lie from 0 to 1. ")
                + "Turn logits into probabilities first: Calibration.Sigmoid.");
        }

        return result;
    }
}
