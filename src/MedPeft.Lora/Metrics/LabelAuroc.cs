namespace MedPeft.Lora.Metrics;

/// <summary>The area under the ROC curve of one label.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Value">The area, 0 to 1; null where the cases are all of one class.</param>
/// <param name="TwoU">Twice the Mann-Whitney statistic, exactly: Value = TwoU / (2 · Positives · Negatives); null with Value.</param>
/// <param name="Positives">Cases with label 1.</param>
/// <param name="Negatives">Cases with label 0.</param>
public sealed record LabelAuroc(string Label, double? Value, long? TwoU, int Positives, int Negatives)
{
    internal static LabelAuroc Of(string label, PairCount pairs) =>
        new(label, pairs.Auroc, pairs.Auroc is null ? null : pairs.TwoU, pairs.Positives, pairs.Negatives);
}
