using System.Text;
using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies.Html;

/// <summary>Versions, seeds, hashes, counts, departures from the paper, and how the statistics were made.</summary>
internal static class Provenance
{
    public static string Write(StudyReport report)
    {
        var runner = report.Runner;
        var results = runner.Cells.Select(cell => (Cell: cell, Result: runner.Result(cell), Timing: runner.Timing(cell))).Where(entry => entry.Result is not null).ToList();
        var html = new StringBuilder();
        html.Append("<h3>Statistics</h3><ul>")
            .Append("<li>Test images are scored once, by the weights of the epoch with the highest macro AUROC on validation. Images count singly, whatever their study.</li>")
            .Append("<li>AUROC is exact, by midranks; macro is the plain mean over the findings that have test images of both classes.</li>")
            .Append("<li>Intervals: 2000 resamples of patients, percentiles; methods are compared on the same resamples. p: DeLong's paired test, its components averaged over findings and seeds case by case.</li>")
            .Append("<li>Seeds are taken as given: intervals and p speak of other patients, not of training again. The spread over seeds is below.</li>")
            .Append("<li>A win is a higher mean, however small, as the paper counts; Holm's correction is over the tasks of this study.</li></ul>");
        html.Append(Seeds(report));
        html.Append("<h3>Where this departs from the paper</h3>").Append(Deviations(runner));
        html.Append("<h3>Data</h3>").Append(Data(results));
        html.Append("<h3>Backbones</h3>").Append(Markup.Table("", ["-backbone", "-SHA-256 of the checkpoint", "-shape"], runner.Study.Backbones.Select(backbone => (false, (IReadOnlyList<string>)
        [
            Markup.Escape(backbone.Name),
            $"<code>{results.Where(entry => entry.Cell.Backbone == backbone).Select(entry => entry.Result!.CheckpointSha256).FirstOrDefault() ?? backbone.Sha256 ?? ""}</code>",
            Markup.Text($"{backbone.Vit.Depth} blocks, {backbone.Vit.EmbedDim} wide, {backbone.Vit.Heads} heads, patches of {backbone.Vit.PatchSize} px at {backbone.Vit.ImageSize} px"),
        ]))));
        html.Append("<h3>Methods</h3>").Append(Markup.Table("", ["-method", "-settings of its first cell"], runner.Study.Methods.Select(method => (false, (IReadOnlyList<string>)
        [
            Markup.Escape(method.Name),
            runner.Cells.First(cell => cell.Method == method) is var cell
                ? Markup.Escape(Markup.Text($"{cell.Adapter}; {cell.Training.Optimizer}, learning rate {cell.Training.LearningRate}, weight decay {cell.Training.WeightDecay}, {cell.Training.Epochs} epochs of batches of {cell.Training.BatchSize}; {cell.Training.TrainPipeline}")) : "",
        ]))));
        html.Append("<h3>Versions and machines</h3><ul>");
        foreach (var line in results.Where(entry => entry.Timing is not null).Select(entry => entry.Timing!)
            .Select(t => Markup.Text($"MedPeft.Lora {t.Library}, TorchSharp {t.TorchSharp}, {t.Runtime}, {t.System}, {t.Cores} cores, device {t.Device}")).GroupBy(line => line))
            html.Append(Markup.Text($"<li>{Markup.Escape(line.Key)}: {line.Count()} cells</li>"));
        html.Append("</ul>").Append(Cells(results));
        return html.ToString();
    }

    private static string Seeds(StudyReport report)
    {
        var spread = report.Tasks.SelectMany(task => task.Methods.Select(method => (task, method))).Where(entry => entry.method.SeedDeviation is not null).ToList();
        if (spread.Count == 0) return Markup.Text($"<p>Seeds: {string.Join(", ", report.Runner.Study.Seeds)}. With one seed a task, nothing can be said of the spread over seeds.</p>");
        var byMethod = spread.GroupBy(entry => entry.method.Method).Select(group => Markup.Text($"{Markup.Escape(group.Key)} {100 * CostTable.Median(group.Select(entry => entry.method.SeedDeviation!.Value)):F1}, at most {100 * group.Max(entry => entry.method.SeedDeviation!.Value):F1}"));
        return Markup.Text($"<p>Seeds: {string.Join(", ", report.Runner.Study.Seeds)}. Standard deviation of the macro AUROC over them in points, median of the tasks: {string.Join("; ", byMethod)}.</p>");
    }

    private static string Deviations(StudyRunner runner)
    {
        var deviations = runner.Cells.SelectMany(cell => cell.Deviations.Select(words => (words, cell.Index))).GroupBy(entry => entry.words).ToList();
        var own = runner.Study.Backbones.Where(backbone => backbone.Recipe is null).Select(backbone => backbone.Name).ToList();
        var items = deviations.Select(group => Markup.Text($"<li>{Markup.Escape(group.Key)} ({group.Count()} cells)</li>")).ToList();
        if (own.Count > 0) items.Insert(0, $"<li>The backbones {Markup.Escape(string.Join(", ", own))} are none of the paper's, and no published recipe is followed: rates, epochs and image pipeline are this study's own.</li>");
        if (!runner.Study.Reproduce) items.Add("<li>The mistakes of the published code are not repeated (see ReferenceDefects in the library's documentation).</li>");
        return $"<ul>{string.Concat(items)}</ul>";
    }

    private static string Data(IReadOnlyList<(StudyCell Cell, CellResult? Result, CellTiming? Timing)> results)
    {
        var rows = new List<(bool, IReadOnlyList<string>)>();
        foreach (var set in results.GroupBy(entry => entry.Cell.Dataset.Name))
        {
            var shares = set.GroupBy(entry => entry.Cell.Train.Fraction).Select(group => group.First()).ToList();
            var parts = shares.Select(entry => (Name: Markup.Text($"training, {100 * entry.Cell.Train.Fraction:0.###} %"), entry.Result!.Train, Shared: Markup.Text($"{entry.Result.PatientsSharedWithValidation} / {entry.Result.PatientsSharedWithTest}"))).ToList();
            parts.Add(("validation", shares[0].Result!.Validation, ""));
            parts.Add(("test", shares[0].Result!.Test, ""));
            for (var i = 0; i < parts.Count; i++)
            {
                rows.Add((i == 0 && rows.Count > 0, [
                    i == 0 ? Markup.Escape(set.Key) : "", parts[i].Name, Markup.Text($"{parts[i].Train.Images:N0}"), parts[i].Train.Patients == 0 ? "not known" : Markup.Text($"{parts[i].Train.Patients:N0}"),
                    Markup.Escape(string.Join(", ", parts[i].Train.Positives)), parts[i].Shared, $"<code>{parts[i].Train.Sha256[..16]}</code>"]));
            }
        }

        return Markup.Table("Positives in the order of the labels. Shared patients: of the training images, those that validation and test have too. Hash: first digits of the SHA-256 over names and labels.",
            ["-data set", "-part", "images", "patients", "-positives", "shared", "-hash"], rows);
    }

    private static string Cells(IReadOnlyList<(StudyCell Cell, CellResult? Result, CellTiming? Timing)> results)
    {
        var rows = results.Select(entry => (false, (IReadOnlyList<string>)
        [
            Markup.Text($"{entry.Cell.Index}"), $"<code>{entry.Cell.Id}</code>", Markup.Escape(entry.Cell.Task), Markup.Escape(entry.Cell.Method.Name), Markup.Text($"{entry.Cell.Seed}"),
            Markup.Text($"{100 * entry.Result!.ValidationAuroc:F2}"), Markup.Text($"{100 * entry.Result.Auroc:F2}"), Markup.Text($"{entry.Result.BestEpoch} / {entry.Result.Epochs.Count}"), $"<code>{entry.Result.PredictionsSha256[..16]}</code>",
        ]));
        return "<details><summary>Every cell</summary>" + Markup.Table("", ["cell", "-id", "-task", "-method", "seed", "validation", "test", "best epoch", "-hash of the predictions"], rows) + "</details>";
    }
}
