using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Studies;

/// <summary>The finished cells of a study, compared: every method with a reference on each task.</summary>
public sealed partial class StudyReport
{
    private StudyReport(StudyRunner runner, string reference, IReadOnlyList<TaskReport> tasks) => (Runner, Reference, Tasks) = (runner, reference, tasks);

    /// <summary>The study and its cells.</summary>
    public StudyRunner Runner { get; }

    /// <summary>The method that the others are compared with: full fine-tuning where the study has it, otherwise its last.</summary>
    public string Reference { get; }

    /// <summary>The tasks in the study's order.</summary>
    public IReadOnlyList<TaskReport> Tasks { get; }

    /// <summary>Cells whose result is there.</summary>
    public int Done => Tasks.Sum(task => task.Methods.Sum(method => method.Results.Count));

    /// <summary>Reads the finished cells and compares them. The statistics depend on the results alone: the same cells, the same report.</summary>
    /// <param name="runner">The study and where its results lie.</param>
    /// <param name="replicates">Resamples of the patients.</param>
    /// <exception cref="StudyException">A result cannot be read.</exception>
    public static StudyReport Of(StudyRunner runner, int replicates = 2000)
    {
        ArgumentNullException.ThrowIfNull(runner);
        var methods = runner.Study.Methods;
        var reference = methods.FirstOrDefault(method => method.Adapter is FullConfig) ?? methods[^1];
        var tasks = runner.Cells.GroupBy(cell => (cell.Backbone, cell.Dataset, cell.Train)).Select(cells => Task([.. cells], runner, reference, replicates)).ToList();
        foreach (var method in methods.Where(method => method != reference))
        {
            var place = tasks[0].Methods.Select((m, i) => (m.Method, i)).First(entry => entry.Method == method.Name).i;
            var adjusted = DeLong.Holm([.. tasks.Select(task => task.Methods[place].P)]);
            for (var t = 0; t < tasks.Count; t++)
                tasks[t] = tasks[t] with { Methods = [.. tasks[t].Methods.Select((m, i) => i == place ? m with { AdjustedP = adjusted[t] } : m)] };
        }

        return new StudyReport(runner, reference.Name, tasks);
    }

    /// <summary>On how many tasks a method beats the reference, as the paper counts: by its mean, however small the difference.</summary>
    /// <param name="method">The method's name.</param>
    public StudyWins Wins(string method)
    {
        var compared = Tasks.Select(task => task.Methods.First(m => m.Method == method)).Where(m => m.Difference is not null).ToList();
        return new StudyWins(
            method, compared.Count, compared.Count(m => m.Difference > 0), compared.Count(m => m.Difference < 0),
            compared.Count(m => m.Difference > 0 && m.AdjustedP < .05), compared.Count(m => m.Difference < 0 && m.AdjustedP < .05));
    }

    private static TaskReport Task(IReadOnlyList<StudyCell> cells, StudyRunner runner, StudyMethod reference, int replicates)
    {
        var first = cells[0];
        var done = cells.Select(cell => (Cell: cell, Result: runner.Result(cell))).Where(entry => entry.Result is not null).ToList();
        var reports = runner.Study.Methods.Select(method => Method(method, first, [.. done.Where(entry => entry.Cell.Method == method).Select(entry => entry.Result!)])).ToArray();

        // Only seeds that all methods with any result have are compared: pairs, not leftovers.
        var present = runner.Study.Methods.Where(method => done.Any(entry => entry.Cell.Method == method)).ToList();
        var seeds = cells.Select(cell => cell.Seed).Distinct().Where(seed => present.All(method => done.Any(entry => entry.Cell.Method == method && entry.Cell.Seed == seed))).ToList();
        var place = present.IndexOf(reference);
        if (present.Count > 0 && seeds.Count > 0)
        {
            var predictions = present.Select(method => seeds.Select(seed => CellPredictions.Load(runner.Folder(cells.First(c => c.Method == method && c.Seed == seed)).Predictions)).ToArray()).ToArray();
            var (labels, count) = (predictions[0][0].TestLabels, first.Dataset.Labels.Count);
            if (predictions.Any(method => method.Any(seed => !SameCases(seed.TestLabels, labels))))
                throw new StudyException($"The cells of {first.Task} were scored on different images. Remove their folders and run them again.");
            var logits = predictions.Select(method => (IReadOnlyList<float[]>)[.. method.Select(seed => seed.TestLogits)]).ToArray();
            var intervals = MacroBootstrap.Run(logits, Math.Max(0, place), labels, count, CellScores.Resampling(predictions[0][0]) with { Replicates = replicates });
            for (var m = 0; m < present.Count && intervals is not null; m++)
            {
                var at = Array.FindIndex(reports, report => report.Method == present[m].Name);
                reports[at] = reports[at] with { Interval = intervals[m].Auroc.Interval };
                if (place < 0 || m == place || MacroComparison.Test(logits[m], logits[place], labels, count) is not { } test) continue;
                reports[at] = reports[at] with { Difference = test.Difference, P = test.P, DifferenceInterval = intervals[m].Difference.Interval };
            }
        }

        return new TaskReport(first.Backbone.Name, first.Dataset.Name, first.Train.Fraction, reports);
    }

    private static MethodReport Method(StudyMethod method, StudyCell cell, IReadOnlyList<CellResult> results)
    {
        var scores = results.Select(result => result.Auroc).ToArray();
        double? mean = scores.Length == 0 ? null : scores.Average();
        var known = method.Adapter is null or FullConfig or LoraConfig;
        return new MethodReport
        {
            Method = method.Name,
            Results = results,
            Auroc = mean,
            SeedDeviation = scores.Length < 2 ? null : Math.Sqrt(scores.Sum(score => (score - mean!.Value) * (score - mean.Value)) / (scores.Length - 1)),
            Published = known ? PublishedFigure.Find(cell.Backbone.Recipe, cell.Dataset.Benchmark, cell.Train.Fraction, method.RecipeMethod) : null,
        };
    }

    private static bool SameCases(float[] a, float[] b) => a.Length == b.Length && a.AsSpan().SequenceEqual(b);
}
