using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>Areas under the ROC curve by subgroup, and the gaps between them.</summary>
/// <param name="Groups">The groups by name, "unknown" last.</param>
/// <param name="Gaps">One per label that two groups at least have enough cases for, in the order of the labels.</param>
/// <param name="LeastPerClass">Groups with fewer cases of either class are shown but enter no gap.</param>
public sealed record SubgroupReport(IReadOnlyList<Subgroup> Groups, IReadOnlyList<SubgroupGap> Gaps, int LeastPerClass)
{
    /// <summary>A table of labels by groups, and the gaps.</summary>
    public override string ToString()
    {
        var table = new TextTable(["", .. Groups.Select(g => g.Name)]);
        table.Add(["cases", .. Groups.Select(g => g.Cases.ToString(CultureInfo.InvariantCulture))]);
        for (var k = 0; k < Groups[0].Auroc.Labels.Count; k++)
            table.Add([Groups[0].Auroc.Labels[k], .. Groups.Select(g => TextTable.Number(g.Auroc.PerLabel[k].Value))]);
        table.Add(["macro", .. Groups.Select(g => TextTable.Number(g.Auroc.Macro))]);
        table.Add(["labels in macro", .. Groups.Select(g => g.Auroc.Scored.ToString(CultureInfo.InvariantCulture))]);
        var gaps = Gaps.Count == 0
            ? $"No gap: no label has two groups with {LeastPerClass} cases of each class."
            : string.Join('\n', Gaps.Select(g => $"  {g}").Prepend($"Gaps between groups with at least {LeastPerClass} cases of each class:"));
        return $"{table}\n{gaps}";
    }
}
