using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class BootstrapTests
{
    [Fact]
    public void The_interval_is_numpy_s_to_within_the_generator()
    {
        var golden = GoldenMetrics.Root.GetProperty("bootstrap");
        var input = GoldenMetrics.Root.GetProperty("paired_delong")[1];
        var estimate = Bootstrap.Compute(GoldenMetrics.Floats(input.GetProperty("a")), GoldenMetrics.Floats(input.GetProperty("y")), new BootstrapOptions { Replicates = 10_000 })!;
        var tolerance = golden.GetProperty("tolerance").GetDouble();
        Assert.Equal(golden.GetProperty("percentile95")[0].GetDouble(), estimate.Interval.Lower, tolerance);
        Assert.Equal(golden.GetProperty("percentile95")[1].GetDouble(), estimate.Interval.Upper, tolerance);
        Assert.Equal(golden.GetProperty("mean").GetDouble(), estimate.Mean, 0.001);
        Assert.Equal(golden.GetProperty("sd").GetDouble(), estimate.StandardError, 0.001);
        GoldenMetrics.Close(input.GetProperty("auc")[0].GetDouble(), estimate.Value);
        Assert.Equal((10_000, 0), (estimate.Replicates, estimate.Redrawn));
    }

    [Fact]
    public void The_same_seed_gives_the_same_resamples_for_any_number_of_threads_and_another_seed_others()
    {
        var (scores, labels) = RandomCases.Draw(1, 300 * 3, missing: 0.1);
        var names = AurocTests.Names(3);
        BootstrapReport Run(int threads, ulong seed = 5) =>
            Bootstrap.PerLabel(scores, labels, names, new BootstrapOptions { Replicates = 200, Seed = seed, Threads = threads });
        var one = Run(1);
        foreach (var threads in new[] { 2, 7, 0 })
        {
            Assert.Equal(one.PerLabel, Run(threads).PerLabel);
            Assert.Equal(one.Macro, Run(threads).Macro);
        }

        Assert.NotEqual(one.Macro, Run(1, seed: 6).Macro);
    }

    [Fact]
    public void One_sort_for_all_resamples_gives_what_computing_each_anew_gives()
    {
        var (scores, labels) = RandomCases.Draw(2, 150, levels: 9, missing: 0.1);
        string[] patients = [.. Enumerable.Range(0, 150).Select(i => $"p{i * 7 % 40}")];
        foreach (var groups in new[] { null, patients })
        {
            var options = new BootstrapOptions { Replicates = 100, Groups = groups, Seed = 9, Level = 0.8 };
            var anew = Bootstrap.Statistic(150, rows => Auroc.Compute(Pick(scores, rows), Pick(labels, rows)), options);
            Assert.Equal(anew, Bootstrap.Compute(scores, labels, options));
        }
    }

    [Fact]
    public void Patients_are_drawn_whole()
    {
        string[] patients = ["a", "b", "a", "c", "b", "a"];
        var sums = Bootstrap.Statistic(6, rows =>
        {
            var times = rows.CountBy(row => row).ToDictionary();
            foreach (var patient in patients.Distinct())
            {
                var own = Enumerable.Range(0, 6).Where(i => patients[i] == patient).Select(i => times.GetValueOrDefault(i)).ToArray();
                Assert.All(own, t => Assert.Equal(own[0], t));
            }

            return rows.Length;
        }, new BootstrapOptions { Replicates = 500, Groups = patients })!;
        Assert.Equal(6, sums.Value);
        Assert.Equal(6, sums.Mean, 0.3);
        Assert.Equal(new ConfidenceInterval(3, 9, 0.95), sums.Interval);
    }

    [Fact]
    public void Several_images_of_a_patient_widen_the_interval()
    {
        var (scores, labels) = RandomCases.Draw(3, 100, levels: 1000);
        float[] Fivefold(float[] values) => [.. values.SelectMany(v => Enumerable.Repeat(v, 5))];
        string[] patients = [.. Enumerable.Range(0, 500).Select(i => $"{i / 5}")];
        var byCase = Bootstrap.Compute(Fivefold(scores), Fivefold(labels))!;
        var byPatient = Bootstrap.Compute(Fivefold(scores), Fivefold(labels), new BootstrapOptions { Groups = patients })!;
        var single = Bootstrap.Compute(scores, labels)!;
        Assert.Equal(single.StandardError, byPatient.StandardError);
        Assert.InRange(byCase.StandardError / byPatient.StandardError, 0.35, 0.55); // 1/√5
    }

    [Fact]
    public void The_spread_of_resamples_is_near_DeLong_s()
    {
        var (scores, labels) = RandomCases.Draw(4, 800, levels: 1000);
        float[] other = [.. RandomCases.Draw(5, 800).Scores.Select((s, i) => s + scores[i])];
        var single = Bootstrap.Compute(scores, labels)!;
        Assert.Equal(DeLong.Compute(scores, labels)!.StandardError, single.StandardError, 0.0015);
        var paired = Bootstrap.Compare(scores, other, labels)!;
        var test = DeLong.Compare(scores, other, labels)!;
        Assert.Equal(test.Value, paired.Value, 1e-15);
        Assert.Equal(Math.Sqrt(test.Variance), paired.StandardError, 0.0015);
    }

    [Fact]
    public void Labels_of_one_class_are_left_out_and_identical_models_do_not_differ()
    {
        var (scores, labels) = RandomCases.Draw(6, 200 * 2);
        for (var i = 0; i < labels.Length; i += 2) labels[i] = 0;
        var report = Bootstrap.ComparePerLabel(scores, scores, labels, ["none", "some"], new BootstrapOptions { Replicates = 50 });
        Assert.Null(report.PerLabel[0].Estimate);
        Assert.Equal(new BootstrapEstimate(0, 0, 0, new ConfidenceInterval(0, 0, 0.95), 50, 0), report.PerLabel[1].Estimate);
        Assert.Equal(report.PerLabel[1].Estimate, report.Macro);
        Assert.Null(Bootstrap.Compute([1, 2], [1, 1]));
        Assert.Null(Bootstrap.Statistic(5, _ => null));
    }

    [Fact]
    public void Resamples_of_one_class_are_drawn_again_and_counted()
    {
        var estimate = Bootstrap.Compute([1, 2, 3, 4], [0, 0, 0, 1], new BootstrapOptions { Replicates = 1000 })!;
        Assert.Equal(1, estimate.Mean);
        Assert.InRange(estimate.Redrawn, 350, 600); // all but the positive: (3/4)⁴ = 0.316 of the draws, 0.463 redraws per resample
    }

    [Fact]
    public void No_usable_resample_is_an_error()
    {
        var asked = 0;
        var error = Assert.Throws<InvalidOperationException>(() => Bootstrap.Statistic(
            3, _ => Interlocked.Exchange(ref asked, 1) == 0 ? 1 : null, new BootstrapOptions { Replicates = 4, Threads = 1 }));
        Assert.Equal("10000 resamples of 3 cases in a row held one class only; one class has too few cases to resample. Leave that label out, or gather more cases.", error.Message);
    }

    [Fact]
    public void An_exception_of_the_statistic_reaches_the_caller_as_it_is()
    {
        var asked = 0;
        var error = Assert.Throws<FormatException>(() => Bootstrap.Statistic(3, _ => Interlocked.Increment(ref asked) < 5 ? 1 : throw new FormatException("mine")));
        Assert.Equal("mine", error.Message);
    }

    [Fact]
    public void Bad_options_are_named()
    {
        Assert.Equal("Groups has 1 keys for 2 cases; give one per case. (Parameter 'Groups')",
            Assert.Throws<ArgumentException>(() => Bootstrap.Compute([1, 2], [0, 1], new BootstrapOptions { Groups = ["p"] })).Message);
        Assert.Equal("Groups has no key for case 1; where it is unknown, give the case a key of its own. (Parameter 'Groups')",
            Assert.Throws<ArgumentException>(() => Bootstrap.Compute([1, 2], [0, 1], new BootstrapOptions { Groups = ["p", null!] })).Message);
        Assert.StartsWith("Replicates ('1') must be greater than or equal to '2'.", Assert.Throws<ArgumentOutOfRangeException>(() => new BootstrapOptions { Replicates = 1 }).Message);
        Assert.StartsWith("A level of confidence is above 0 and below 1, 0.95 for instance. (Parameter 'Level')", Assert.Throws<ArgumentOutOfRangeException>(() => new BootstrapOptions { Level = double.NaN }).Message);
        Assert.StartsWith("Threads ('-1') must be a non-negative value.", Assert.Throws<ArgumentOutOfRangeException>(() => new BootstrapOptions { Threads = -1 }).Message);
    }

    [Fact]
    public void The_generator_draws_every_number_as_often()
    {
        var random = new ResampleRandom(1, 2);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[random.Below(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
        var (same, other) = (new ResampleRandom(1, 2), new ResampleRandom(1, 3));
        Assert.NotEqual(Enumerable.Range(0, 20).Select(_ => same.Below(1000)), Enumerable.Range(0, 20).Select(_ => other.Below(1000)));
    }

    private static float[] Pick(float[] values, int[] rows) => Array.ConvertAll(rows, row => values[row]);
}
