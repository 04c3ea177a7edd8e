using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>One temperature for all logits, fitted so that their probabilities are as likely as they can be; the order of the cases stays.</summary>
/// <remarks>Guo et al. 2017, ICML, arXiv:1706.04599. Fit on validation cases, apply to the test cases.</remarks>
public sealed record TemperatureScaling
{
    /// <summary>The inverse temperature is sought up to this: logits that separate the classes would have it infinite.</summary>
    private const double Steepest = 1000;

    private const double Flattest = 1 / Steepest;

    private TemperatureScaling(double temperature, double before, double after, bool atBound)
    {
        (Temperature, Before, After, AtBound) = (temperature, before, after, atBound);
    }

    /// <summary>Divides the logits; above 1 where the model was too sure. From 0.001 to 1000.</summary>
    public double Temperature { get; }

    /// <summary>The negative log likelihood per label at temperature 1.</summary>
    public double Before { get; }

    /// <summary>The negative log likelihood per label at <see cref="Temperature"/>, at most <see cref="Before"/>.</summary>
    public double After { get; }

    /// <summary>
    /// Whether the best temperature lies beyond the range sought: at 0.001 the logits separate the classes without a mistake, at 1000
    /// they say nothing, or the contrary, of the labels. Such a fit calibrates nothing.
    /// </summary>
    public bool AtBound { get; }

    /// <summary>Fits the temperature.</summary>
    /// <param name="logits">Finite logits of any number of labels, in any order.</param>
    /// <param name="labels">1, 0 or NaN (missing: left out), one per logit.</param>
    /// <returns>Null where all labels are missing.</returns>
    /// <exception cref="ArgumentException">No logits, lengths that differ, a logit that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static TemperatureScaling? Fit(ReadOnlySpan<float> logits, ReadOnlySpan<float> labels)
    {
        Cells.Check(logits, labels);
        var count = 0;
        foreach (var label in labels) count += float.IsNaN(label) ? 0 : 1;
        if (count == 0) return null;

        var before = Loss(logits, labels, 1) / count;
        var inverse = Minimum(logits, labels);
        var after = Loss(logits, labels, inverse) / count;

        // All logits 0: every temperature is as good as any other.
        if (after >= before) (inverse, after) = (1, before);
        return new TemperatureScaling(1 / inverse, before, after, inverse is Steepest or Flattest);
    }

    /// <summary>Turns logits into calibrated probabilities.</summary>
    /// <param name="logits">Finite logits.</param>
    public float[] Apply(ReadOnlySpan<float> logits) => Calibration.Sigmoid(logits, Temperature);

    /// <summary>The temperature and what it gained.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"temperature {Temperature:F4}: negative log likelihood {Before:F4} -> {After:F4}")
        + (AtBound ? " (at the bound: no fit)" : "");

    /// <summary>The loss is convex in the inverse temperature: Newton steps, and a bisection where one would leave the bracket.</summary>
    private static double Minimum(ReadOnlySpan<float> logits, ReadOnlySpan<float> labels)
    {
        if (Slope(logits, labels, Steepest).First <= 0) return Steepest; // 0 by underflow, where the classes are separated
        if (Slope(logits, labels, Flattest).First > 0) return Flattest;
        var (low, high, at) = (Flattest, Steepest, 1.0);
        for (var i = 0; i < 200; i++)
        {
            var (first, second) = Slope(logits, labels, at);
            if (first < 0) low = at;
            else high = at;
            var next = at - first / second;
            if (!(next > low && next < high)) next = Math.Sqrt(low * high);
            if (Math.Abs(next - at) <= 1e-14 * at) return next;
            at = next;
        }

        return at;
    }

    private static double Loss(ReadOnlySpan<float> logits, ReadOnlySpan<float> labels, double inverse)
    {
        var sum = new Sum();
        for (var i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(labels[i])) continue;
            var x = (labels[i] == 1f ? -inverse : inverse) * logits[i]; // -log P(true class) = log(1 + eˣ)
            sum.Add(Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))));
        }

        return sum.Value;
    }

    private static (double First, double Second) Slope(ReadOnlySpan<float> logits, ReadOnlySpan<float> labels, double inverse)
    {
        var (first, second) = (new Sum(), new Sum());
        for (var i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(labels[i])) continue;
            double z = logits[i];
            var (p, toOne) = (Calibration.Logistic(inverse * z), Calibration.Logistic(-inverse * z)); // 1 - p would lose the small ones
            first.Add(z * (labels[i] == 1f ? -toOne : p));
            second.Add(z * z * p * toOne);
        }

        return (first.Value, second.Value);
    }
}
