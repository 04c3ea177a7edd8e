using FsCheck;
using FsCheck.Fluent;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class AurocTests
{
    public static TheoryData<string> Cases => GoldenMetrics.Cases;

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_area_is_the_one_of_scikit_learn(string name)
    {
        var (scores, labels, expected) = GoldenMetrics.Case(name);
        var label = Auroc.PerLabel(scores, labels, ["a"]).PerLabel[0];
        Assert.Equal(expected.GetProperty("twoU").GetInt64(), label.TwoU);
        Assert.Equal(expected.GetProperty("positives").GetInt32(), label.Positives);
        Assert.Equal(expected.GetProperty("n").GetInt32() - label.Positives, label.Negatives);
        GoldenMetrics.Close(expected.GetProperty("auroc").GetDouble(), label.Value);
        Assert.Equal(label.Value, Auroc.Compute(scores, labels));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(0)]
    public void A_table_of_fourteen_labels_gives_the_values_of_scikit_learn_and_leaves_the_absent_class_out(int threads)
    {
        var golden = GoldenMetrics.Root.GetProperty("multilabel");
        var (scores, labels) = (GoldenMetrics.Floats(golden.GetProperty("s")), GoldenMetrics.Floats(golden.GetProperty("y")));
        var report = Auroc.PerLabel(scores, labels, Names(14), threads);
        var expected = golden.GetProperty("per_class").EnumerateArray().ToArray();
        Assert.Null(report.PerLabel[0].Value);
        Assert.Null(report.PerLabel[0].TwoU);
        for (var k = 1; k < 14; k++) GoldenMetrics.Close(expected[k].GetDouble(), report.PerLabel[k].Value);
        GoldenMetrics.Close(golden.GetProperty("macro_over_present").GetDouble(), report.Macro);
        Assert.Equal(13, report.Scored);
        Assert.Equal("macro AUROC 0.7094 over 13 of 14 labels; left out, cases of one class only: L0 (0 positive, 400 negative)", report.ToString());
    }

    [Fact]
    public void All_cells_of_the_labels_present_taken_as_one_label_give_the_micro_average_of_scikit_learn()
    {
        var golden = GoldenMetrics.Root.GetProperty("multilabel");
        var (scores, labels) = (GoldenMetrics.Floats(golden.GetProperty("s")), GoldenMetrics.Floats(golden.GetProperty("y")));
        float[] Present(float[] table) => [.. table.Where((_, i) => i % 14 != 0)];
        GoldenMetrics.Close(golden.GetProperty("sklearn_present13").GetProperty("micro").GetDouble(), Auroc.Compute(Present(scores), Present(labels)));
    }

    [Fact]
    public void Random_tables_with_ties_and_missing_labels_give_the_count_pair_by_pair_for_any_number_of_threads()
    {
        for (var seed = 0; seed < 6; seed++)
        {
            int[] labelCounts = [1, 3, 8, 9, 14, 20];
            var k = labelCounts[seed];
            var (scores, labels) = RandomCases.Draw(seed, 1500 * k, levels: 4 << (2 * seed), prevalence: 0.05 + 0.1 * seed, missing: 0.1 * (seed % 3));
            var reports = new[] { 1, 2, 3, 0 }.Select(threads => Auroc.PerLabel(scores, labels, Names(k), threads)).ToArray();
            Assert.All(reports, r => Assert.Equal(reports[0], r));
            for (var j = 0; j < k; j++)
                Assert.Equal(RandomCases.TwoU(Column(scores, j, k), Column(labels, j, k)), reports[0].PerLabel[j].TwoU);
        }
    }

    [Fact]
    public void Large_tables_are_the_same_for_any_number_of_threads()
    {
        var (scores, labels) = RandomCases.Draw(7, 14 * 20_000, levels: 1 << 20);
        Assert.Equal(Auroc.PerLabel(scores, labels, Names(14), 1), Auroc.PerLabel(scores, labels, Names(14), 5));
    }

    [Fact]
    public void The_order_of_any_two_finite_scores_is_the_order_of_their_keys()
    {
        Prop.ForAll(
            ArbMap.Default.ArbFor<float>().Filter(float.IsFinite), ArbMap.Default.ArbFor<float>().Filter(float.IsFinite),
            (x, y) => FloatKey.Of(x).CompareTo(FloatKey.Of(y)) == (x == y ? 0 : x.CompareTo(y)) && FloatKey.Score(FloatKey.Of(x)) == x)
            .QuickCheckThrowOnFailure();
        float[] ascending = [float.MinValue, -1, -float.Epsilon, 0, float.Epsilon, 1e-40f, 1, 1.0000001f, float.MaxValue];
        for (var i = 1; i < ascending.Length; i++) Assert.True(FloatKey.Of(ascending[i - 1]) < FloatKey.Of(ascending[i]));
        Assert.Equal(FloatKey.Of(0f), FloatKey.Of(-0f));
    }

    [Fact]
    public void Any_list_of_scores_gives_the_count_pair_by_pair()
    {
        var cell = ArbMap.Default.GeneratorFor<float>().Where(float.IsFinite).Or(Gen.Choose(-2, 2).Select(i => i / 2f));
        var cells = Arb.From(cell.Zip(Gen.Elements(0f, 1f, float.NaN)).ListOf().Where(l => l.Count > 0));
        Prop.ForAll(cells, list =>
        {
            float[] scores = [.. list.Select(c => c.Item1)], labels = [.. list.Select(c => c.Item2)];
            var report = Auroc.PerLabel(scores, labels, ["a"]).PerLabel[0];
            return report.Positives == labels.Count(l => l == 1) && report.Negatives == labels.Count(l => l == 0)
                && (report.Value is null) == (report.Positives == 0 || report.Negatives == 0)
                && (report.TwoU ?? 0) == RandomCases.TwoU(scores, labels);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Turning_the_scores_round_turns_the_area_round_and_a_rising_function_changes_nothing()
    {
        for (var seed = 10; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 3000, levels: 50);
            var area = Auroc.PerLabel(scores, labels, ["a"]).PerLabel[0];
            var turned = Auroc.PerLabel([.. scores.Select(s => -s)], labels, ["a"]).PerLabel[0];
            Assert.Equal(2L * area.Positives * area.Negatives, area.TwoU + turned.TwoU);
            Assert.Equal(area.TwoU, Auroc.PerLabel([.. scores.Select(s => MathF.Exp(3 * s) - 1e4f)], labels, ["a"]).PerLabel[0].TwoU);
        }
    }

    [Fact]
    public void Both_sorts_are_right_at_every_length_around_their_thresholds()
    {
        foreach (var n in new[] { 0, 1, 2, 1023, 1024, 1025, 5000 })
        {
            var random = new Random(n);
            uint[] keys = [.. Enumerable.Range(0, n).Select(i => (uint)random.NextInt64(n % 2 == 0 ? 1L << 32 : 1L << 20))];
            Assert.Equal(keys.Order(), RadixSort.Sort([.. keys], new uint[n]).ToArray());
            ulong[] items = [.. keys.Select((key, i) => (ulong)(key & ~63u) << 32 | (uint)i)];
            Assert.Equal(items.Order(), RadixSort.Sort([.. items], new ulong[n]).ToArray());
        }
    }

    [Fact]
    public void One_class_has_no_area()
    {
        var (scores, labels, _) = GoldenMetrics.Case("all_positive");
        Assert.Null(Auroc.Compute(scores, labels));
        Assert.Null(Auroc.Compute([1, 2], [float.NaN, float.NaN]));
        var report = Auroc.PerLabel([1, 2], [1, float.NaN], ["Hernia", "Edema"]);
        Assert.Equal(0, report.Scored);
        Assert.True(double.IsNaN(report.Macro));
        Assert.Equal("no macro AUROC: 0 of 2 labels; left out, cases of one class only: Hernia (1 positive, 0 negative), Edema (0 positive, 0 negative)", report.ToString());
        Assert.Equal(["Hernia", "Edema"], report.LeftOut);
    }

    [Fact]
    public void A_study_may_demand_every_label()
    {
        var report = Auroc.PerLabel([1, 2, 3, 4], [1, 1, 0, 1], ["Hernia", "Edema"]);
        Assert.Equal("macro AUROC 0.0000 over 1 of 2 labels; left out, cases of one class only: Edema (2 positive, 0 negative)", report.ToString());
        var error = Assert.Throws<InvalidOperationException>(report.RequireAll);
        Assert.Equal(
            "1 of 2 labels have cases of one class only and no AUROC: Edema (2 positive, 0 negative). Evaluate on more cases, or leave these labels out by name.",
            error.Message);
        var whole = Auroc.PerLabel([1, 2, 3, 4], [1, 1, 0, 0], ["Hernia", "Edema"]);
        Assert.Same(whole, whole.RequireAll());
        Assert.Equal("macro AUROC 0.0000 over 2 of 2 labels", whole.ToString());
    }

    [Fact]
    public void Bad_input_is_named()
    {
        Assert.Equal("There are no scores; a metric needs at least one case. (Parameter 'scores')", Error(() => Auroc.Compute([], [])));
        Assert.Equal("Found 2 scores and 1 labels; give each score one label: 0, 1, or NaN where it is missing. (Parameter 'labels')", Error(() => Auroc.Compute([1, 2], [1])));
        Assert.Equal("The score of case 1 is NaN; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Auroc.Compute([1, float.NaN], [1, 0])));
        Assert.Equal("The score of case 0 is -Infinity; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Auroc.Compute([float.NegativeInfinity, 0], [float.NaN, 0])));
        Assert.Equal("The label of case 2 is 0.5; labels are 0, 1, or NaN where they are missing.", Error(() => Auroc.Compute([1, 2, 3], [1, 0, 0.5f])));
        Assert.Equal("The label of case 2, label 'Mass', is -1; labels are 0, 1, or NaN where they are missing.", Error(() => Auroc.PerLabel([1, 2, 3, 4, 5, 6], [1, 0, 0, 0, 0, -1], ["Edema", "Mass"])));
        Assert.Equal("The score of case 1, label 'Edema', is Infinity; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Auroc.PerLabel([1, 2, float.PositiveInfinity, 4], [1, 0, 0, 0], ["Edema", "Mass"])));
        Assert.Equal("3 scores are no whole number of rows of 2 labels; pass them row-major, [n, 2]. (Parameter 'scores')", Error(() => Auroc.PerLabel([1, 2, 3], [1, 0, 0], ["Edema", "Mass"])));
        Assert.Equal("labelNames is empty; name each column of the scores. (Parameter 'labelNames')", Error(() => Auroc.PerLabel([1], [1], [])));
        Assert.Equal("The label 'Mass' is named twice; give each column a name of its own. (Parameter 'labelNames')", Error(() => Auroc.PerLabel([1, 2], [1, 1], ["Mass", "Mass"])));
        var (scores, labels, _) = GoldenMetrics.Case("inf_score");
        Assert.Equal("The score of case 1 is Infinity; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Auroc.Compute(scores, labels)));
    }

    [Fact]
    public void A_bad_cell_far_into_a_large_table_is_named_on_many_threads_too()
    {
        var (scores, labels) = RandomCases.Draw(1, 14 * 10_000);
        scores[14 * 7_777 + 13] = float.NaN;
        Assert.Equal("The score of case 7777, label 'L13', is NaN; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Auroc.PerLabel(scores, labels, Names(14), 3)));
    }

    internal static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(i => $"L{i}")];

    internal static float[] Column(float[] table, int column, int columns) => [.. table.Where((_, i) => i % columns == column)];

    private static string Error(Action call) => Assert.Throws<ArgumentException>(call).Message;
}
