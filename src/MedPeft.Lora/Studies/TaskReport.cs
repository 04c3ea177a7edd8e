namespace MedPeft.Lora.Studies;

/// <summary>What the methods came to on one task: a backbone on a share of a data set.</summary>
/// <param name="Backbone">The foundation model.</param>
/// <param name="Dataset">The data set.</param>
/// <param name="Fraction">The share of the labels.</param>
/// <param name="Methods">One entry for each method of the study, in its order.</param>
public sealed record TaskReport(string Backbone, string Dataset, double Fraction, IReadOnlyList<MethodReport> Methods)
{
    /// <summary>E.g. <c>MRM, NIH 1 %</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Backbone}, {Dataset} {Fraction * 100:0.###} %");
}
