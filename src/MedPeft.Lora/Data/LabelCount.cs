using System.Globalization;

namespace MedPeft.Lora.Data;

/// <summary>How often a label is present, absent and missing in a data set.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Positives">Images that have the finding.</param>
/// <param name="Negatives">Images that do not have it.</param>
/// <param name="Missing">Images that do not say.</param>
public sealed record LabelCount(string Label, int Positives, int Negatives, int Missing)
{
    /// <summary>The share of the positives among the images that say; NaN if none says.</summary>
    public double Prevalence => Positives / (double)(Positives + Negatives);

    /// <summary>Prints the label and its counts.</summary>
    public override string ToString()
    {
        var missing = Missing == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {Missing:N0} missing");
        return Positives + Negatives == 0
            ? $"{Label}: no value{missing}"
            : string.Create(CultureInfo.InvariantCulture, $"{Label}: {Positives:N0} of {Positives + Negatives:N0} ({100 * Prevalence:F2} %){missing}");
    }
}
