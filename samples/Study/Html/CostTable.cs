using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies.Html;

/// <summary>What the cells took. These numbers differ between equal runs, and enter no other table.</summary>
internal static class CostTable
{
    public static string Write(StudyReport report)
    {
        var runner = report.Runner;
        var done = runner.Cells.Select(cell => (Cell: cell, Timing: runner.Result(cell) is null ? null : runner.Timing(cell))).Where(entry => entry.Timing is not null).ToList();
        if (done.Count == 0) return "";
        var rows = done.GroupBy(entry => (entry.Cell.Backbone.Name, Set: entry.Cell.Dataset.Name, entry.Cell.Train.Fraction, Method: entry.Cell.Method.Name)).Select((group, i) =>
        {
            var timings = group.Select(entry => entry.Timing!).ToList();
            return (false, (IReadOnlyList<string>)
            [
                Markup.Escape(group.Key.Name), Markup.Escape(group.Key.Set), Markup.Text($"{100 * group.Key.Fraction:0.###} %"), Markup.Escape(group.Key.Method),
                Markup.Text($"{Median(timings.Select(t => t.TrainingSeconds)):F0} s"), Markup.Text($"{Median(timings.Select(t => t.ImagesPerSecond)):F0}"),
                Markup.Text($"{Median(timings.Select(t => t.PeakMemoryBytes / 1e6)):F0} MB"), Markup.Text($"{timings.Sum(t => t.Starts)}"),
            ]);
        });
        var total = TimeSpan.FromSeconds(done.Sum(entry => entry.Timing!.TrainingSeconds + entry.Timing.ScoringSeconds));
        return Markup.Table(
            Markup.Text($"Medians over the seeds. All {done.Count} cells together: {PlanCommand.Duration(total)}. Time is of training and validation; images per second of training alone. Memory is the process's peak, and of a process that ran several cells the highest until then."),
            ["-backbone", "-data set", "labels", "-method", "time", "images/s", "peak memory", "starts"], rows);
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
