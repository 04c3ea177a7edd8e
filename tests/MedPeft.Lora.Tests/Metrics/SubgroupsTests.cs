using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class SubgroupsTests
{
    private static readonly string[] Labels = ["Mass", "Edema"];

    [Fact]
    public void Each_group_is_evaluated_as_if_it_were_alone()
    {
        var (scores, labels) = RandomCases.Draw(1, 2 * 300, missing: 0.05);
        string?[] groups = [.. Enumerable.Range(0, 300).Select(i => i % 3 == 0 ? "M" : i % 11 == 0 ? null : "F")];
        var report = Subgroups.Compare(scores, labels, Labels, groups);
        Assert.Equal(["F", "M", "unknown"], report.Groups.Select(g => g.Name));
        foreach (var group in report.Groups)
        {
            bool In(int cell) => (groups[cell / 2] ?? "unknown") == group.Name;
            float[] own = [.. scores.Where((_, i) => In(i))], ownLabels = [.. labels.Where((_, i) => In(i))];
            Assert.Equal(own.Length / 2, group.Cases);
            Assert.Equal(Auroc.PerLabel(own, ownLabels, Labels), group.Auroc);
            Assert.Equal(DeLong.Compute(AurocTests.Column(own, 1, 2), AurocTests.Column(ownLabels, 1, 2)), group.Estimates[1]);
        }

        foreach (var (gap, k) in report.Gaps.Select((g, k) => (g, k)))
        {
            var values = report.Groups.Where(g => g.Auroc.PerLabel[k].Positives >= 10 && g.Auroc.PerLabel[k].Negatives >= 10).ToDictionary(g => g.Name, g => g.Auroc.PerLabel[k].Value!.Value);
            Assert.Equal((Labels[k], values.MaxBy(v => v.Value).Key, values.MinBy(v => v.Value).Key), (gap.Label, gap.Best, gap.Worst));
            Assert.Equal(values.Values.Max() - values.Values.Min(), gap.Difference.Value);
            Assert.Equal(0, gap.Difference.Covariance);
        }
    }

    [Fact]
    public void Groups_of_few_cases_are_shown_and_enter_no_gap()
    {
        float[] scores = [1, 2, 3, 4, 1, 3, 2, 4, 5, 6], labels = [0, 0, 1, 1, 0, 0, 1, 1, 0, 1];
        string[] views = ["PA", "PA", "PA", "PA", "AP", "AP", "AP", "AP", "L", "L"];
        var report = Subgroups.Compare(scores, labels, ["Mass"], views, leastPerClass: 2);
        Assert.Equal(["AP", "L", "PA"], report.Groups.Select(g => g.Name));
        Assert.Equal([0.75, 1, 1], report.Groups.Select(g => g.Auroc.PerLabel[0].Value));
        Assert.Equal(("PA", "AP", 0.25), (report.Gaps[0].Best, report.Gaps[0].Worst, report.Gaps[0].Difference.Value));
        Assert.Equal(
            """
                                 AP       L      PA
            cases                 4       2       4
            Mass             0.7500  1.0000  1.0000
            macro            0.7500  1.0000  1.0000
            labels in macro       1       1       1
            Gaps between groups with at least 2 cases of each class:
              Mass: PA 1.0000, AP 0.7500, gap 0.2500 [-0.4430, 0.9430]
            """.ReplaceLineEndings("\n"), report.ToString());
        Assert.EndsWith("No gap: no label has two groups with 10 cases of each class.", Subgroups.Compare(scores, labels, ["Mass"], views).ToString());
    }

    [Fact]
    public void Ages_fall_into_bands()
    {
        Assert.Equal(["0-17", "0-17", "18-39", "40-59", "60-79", "80+", "80+", null],
            new double?[] { 0, 17.9, 18, 59.99, 79, 80, 120, null }.Select(age => AgeBands.Name(age)));
        Assert.Equal(["0-49", "50+"], new double?[] { 49, 50 }.Select(age => AgeBands.Name(age, [50])));
        Assert.Equal("0+", AgeBands.Name(3, []));
        Assert.Equal("The bands begin at 40, 18; give rising ages above 0. (Parameter 'starts')", Assert.Throws<ArgumentException>(() => AgeBands.Name(3, [40, 18])).Message);
        Assert.StartsWith("An age is 0 or more; give null where it is not known. (Parameter 'years')", Assert.Throws<ArgumentOutOfRangeException>(() => AgeBands.Name(-1)).Message);
    }

    [Fact]
    public void Bad_groups_are_named()
    {
        Assert.Equal("groups has 1 keys for 2 cases; give one per case. (Parameter 'groups')", Assert.Throws<ArgumentException>(() => Subgroups.Compare([1, 2], [0, 1], ["a"], ["x"])).Message);
        Assert.StartsWith("leastPerClass ('1') must be greater than or equal to '2'.", Assert.Throws<ArgumentOutOfRangeException>(() => Subgroups.Compare([1, 2], [0, 1], ["a"], ["x", "y"], 1)).Message);
    }

}
