using System.Diagnostics;
using System.Globalization;
using MedPeft.Lora;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Training;
using MedPeft.Samples.Drawing;
using Spectre.Console;

namespace MedPeft.Samples.QuickStart;

/// <summary>The whole story, step by step: data, foundation model, three ways to adapt it, the table, the adapter on its own, the pictures.</summary>
internal sealed class Demonstration(Plan plan, string folder)
{
    public void Run(CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        Directory.CreateDirectory(folder);
        Say("1  Radiographs", "No patient's data is needed: phantoms are drawn, with the 14 findings of ChestX-ray14, into a folder of its format.");
        var cohort = new PhantomCohort(plan, folder);
        cohort.Draw(stop);
        var (unlabelled, train) = (cohort.Open(PhantomCohort.Unlabelled), cohort.Open(PhantomCohort.Train));
        var (validation, test) = (cohort.Open(PhantomCohort.Validation), cohort.Open(PhantomCohort.Test));
        AnsiConsole.WriteLine($"  {unlabelled.Count} without labels, {train.Count} labelled to learn from, {validation.Count} to validate, {test.Count} to test; no patient on two sides");

        Say("2  A foundation model", "MaskedAutoencoder learns from the unlabelled ones alone, by painting the three quarters of each that are hidden from it.");
        var foundation = Path.Combine(folder, "foundation.safetensors");
        var painting = Bars.Run("pre-training", tell => Pretraining.Run(
            plan, unlabelled, foundation, new Direct<TrainingProgress>(state => tell((state.Epoch - 1 + (double)state.Step / state.Steps) / state.Epochs, string.Create(CultureInfo.InvariantCulture, $"loss {state.Loss:F3}"))), stop));

        Say("3  Three ways to adapt it", "VisionTransformer.FromCheckpoint loads it; InjectLora puts adapters on q and v; Trainer.Fit trains whatever requires gradients.");
        var comparison = new Comparison(plan, foundation, train, validation, test);
        var adapter = Path.Combine(folder, "adapter");
        var results = new List<MethodResult>();
        foreach (var method in Method.Three)
        {
            results.Add(Bars.Run(method.Name, tell => comparison.Run(
                method,
                new Direct<TrainingProgress>(state => tell(state.Fraction, $"epoch {state.Epoch}/{state.Epochs}")),
                stop,
                (_, lora) =>
                {
                    if (method.Adaptation != Adaptation.Lora) return;
                    lora.Labels = train.Labels;
                    lora.Save(adapter);
                    new PredictionSettings { Labels = train.Labels, ImageSize = plan.Size, Channels = 1, Normalization = Plan.Pixels }.Save(adapter); // for samples/Predict
                })));
        }

        AnsiConsole.WriteLine();
        AnsiConsole.Write(Table(results));
        AnsiConsole.WriteLine();
        Say("4  The adapter on its own", "Loaded into a fresh copy of the foundation model, the saved file gives the same scores.");
        Reload(comparison, adapter, results[0], validation, test);
        Curves(results, painting);
        AnsiConsole.MarkupLineInterpolated($"\nDone in {clock.Elapsed.TotalMinutes:F1} minutes. Look at [bold]{Shown("sheet.png")}[/] and [bold]{Shown("curves.png")}[/].");
    }

    private void Reload(Comparison comparison, string adapter, MethodResult lora, ImageDataset validation, ImageDataset test)
    {
        using var model = comparison.Backbone();
        model.LoadLora(adapter);
        var trainer = comparison.Trainer();
        var again = trainer.Evaluate(model, test);
        var same = again.Equals(lora.Test);
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"  {Shown("adapter")}: {new DirectoryInfo(adapter).EnumerateFiles().Sum(file => file.Length) / 1024.0:F0} KB beside a foundation of {new FileInfo(Path.Combine(folder, "foundation.safetensors")).Length / 1024.0:F0} KB; macro AUROC on test {again.Macro:F4}, {(same ? "every label exactly as before" : "NOT as before")}");
        if (!same) throw new InvalidOperationException("The adapter that was loaded scores otherwise than the one that was saved.");

        // Each label's threshold is the one that serves best on validation (Youden), as in practice.
        var (validated, scores) = (trainer.Logits(model, validation), trainer.Logits(model, test));
        var labels = test.Labels.Count;
        var thresholds = Enumerable.Range(0, labels).Select(k => Threshold(validated, validation, k)).ToArray();
        var shown = Enumerable.Range(0, test.Count).OrderByDescending(i => test[i].Labels.Sum()).Where((_, rank) => rank % 9 == 0).Take(12);
        Sheet.Save(Path.Combine(folder, "sheet.png"), "Test phantoms, as the adapted model reads them", $"LoRA of rank {plan.Rank} on q and v, {lora.Trained.Count:N0} trained parameters; thresholds chosen on validation",
            [.. shown.Select(i => new SheetItem(
                $"{Path.GetFileName(test[i].Path)}",
                Lora.Imaging.ImageDecoder.Decode(test[i].Path).Pixels,
                plan.Size,
                [.. test.Labels.Select((label, k) => new SheetPrediction(label.Replace('_', ' '), Sigmoid(scores[i * labels + k]), thresholds[k], test[i].Labels[k] == 1))]))]);
    }

    private static double Threshold(float[] logits, ImageDataset data, int label)
    {
        var k = data.Labels.Count;
        var scores = Enumerable.Range(0, data.Count).Select(i => (float)Sigmoid(logits[i * k + label])).ToArray();
        var truth = data.Select(record => record.Labels[label]).ToArray();
        return OperatingPoint.MaximumYouden(scores, truth)?.Threshold ?? .5;
    }

    private void Curves(IReadOnlyList<MethodResult> results, IReadOnlyList<double> painting)
    {
        static double[] From1(int count) => [.. Enumerable.Range(1, count).Select(i => (double)i)];
        Charts.Save(Path.Combine(folder, "curves.png"),
        [
            new ChartPanel { Title = "Pre-training: loss on hidden patches", XLabel = "epoch", YLabel = "mean squared error", Series = [new ChartSeries("masked autoencoder", From1(painting.Count), painting)] },
            new ChartPanel
            {
                Title = "Adapting: AUROC on validation", XLabel = "epoch", YLabel = "macro AUROC", Reference = ("guessing", .5),
                Series = [.. results.Select(result => new ChartSeries(result.Method.Name, From1(result.Training.Epochs.Count), [.. result.Training.Epochs.Select(epoch => epoch.Auroc.Macro)]))],
            },
            new ChartPanel
            {
                Title = "Adapting: training loss", XLabel = "epoch", YLabel = "binary cross-entropy",
                Series = [.. results.Select(result => new ChartSeries(result.Method.Name, From1(result.Training.Epochs.Count), [.. result.Training.Epochs.Select(epoch => epoch.TrainingLoss)]))],
            },
        ], width: 1500);
    }

    private static Table Table(IEnumerable<MethodResult> results)
    {
        var table = new Table().Border(TableBorder.Markdown).AddColumn("method", column => column.NoWrap());
        foreach (var name in new[] { "parameters trained", "of all", "validation AUROC", "test AUROC", "seconds", "peak memory" }) table.AddColumn(name, column => column.RightAligned().NoWrap());
        foreach (var result in results)
        {
            string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
            table.AddRow(
                result.Method.Name, Text($"{result.Trained.Count:N0}"), Text($"{100.0 * result.Trained.Count / result.Trained.Total:F1} %"), Text($"{result.Training.Best.Auroc.Macro:F3}"),
                Text($"{result.Test.Macro:F3}"), Text($"{result.Training.Elapsed.TotalSeconds:F0}"), Text($"{result.PeakMegabytes:F0} MB"));
        }

        return table;
    }

    private static void Say(string title, string words)
    {
        AnsiConsole.MarkupLineInterpolated($"\n[bold]{title}[/]");
        AnsiConsole.WriteLine("  " + words);
    }

    private string Shown(string file)
    {
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), Path.Combine(folder, file));
        return relative.StartsWith("..", StringComparison.Ordinal) ? Path.Combine(folder, file) : relative;
    }

    private static double Sigmoid(double logit) => 1 / (1 + Math.Exp(-logit));
}
