using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Studies;

/// <summary>Intervals of macro AUROCs, averaged over seeds, and of their differences, from resamples of the patients.</summary>
internal static class MacroBootstrap
{
    /// <param name="methods">For each method its logits, a table [n, K] for each seed.</param>
    /// <param name="reference">The method that the others are compared with.</param>
    /// <param name="labels">1, 0 or NaN, [n, K].</param>
    /// <param name="count">K.</param>
    /// <param name="options">Groups of patients, resamples, seed.</param>
    /// <returns>For each method its macro AUROC, and its difference from the reference, on the same resamples; null where no label has both classes.</returns>
    public static (BootstrapEstimate Auroc, BootstrapEstimate Difference)[]? Run(
        IReadOnlyList<IReadOnlyList<float[]>> methods, int reference, float[] labels, int count, BootstrapOptions options)
    {
        var resampler = new Resampler(labels.Length / count, options);
        var scored = Enumerable.Range(0, count).Where(k => MacroComparison.Column(labels, k, count) is var truth && truth.Contains(0f) && truth.Contains(1f)).ToArray();
        if (scored.Length == 0) return null;
        var orders = methods.Select(seeds => seeds.SelectMany(table => scored.Select(k => new WeightedOrder(
            MacroComparison.Column(table, k, count), MacroComparison.Column(labels, k, count), resampler.UnitOf))).ToArray()).ToArray();
        var observed = new double[2 * orders.Length];
        Evaluate([.. Enumerable.Repeat(1, resampler.Units)], observed);
        var estimates = resampler.Run(observed, Evaluate);
        return [.. orders.Select((_, m) => (estimates[m], estimates[orders.Length + m]))];

        bool Evaluate(int[] weights, Span<double> values)
        {
            for (var m = 0; m < orders.Length; m++)
            {
                var sum = 0.0;
                foreach (var order in orders[m]) sum += order.Auroc(weights);
                values[m] = sum / orders[m].Length;
                if (double.IsNaN(values[m])) return false;
            }

            for (var m = 0; m < orders.Length; m++) values[orders.Length + m] = values[m] - values[reference];
            return true;
        }
    }
}
