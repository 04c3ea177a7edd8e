using System.Globalization;
using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using Spectre.Console;

namespace MedPeft.Samples.QuickStart;

/// <summary>Every method on the same data and the same foundation model, over several seeds: what it trains, how well, how fast, how large its file is.</summary>
internal sealed class MethodStudy(Plan plan, string folder)
{
    /// <summary>Runs it and writes <c>methods.md</c>, anew after each method, so that a run cut short leaves what it has.</summary>
    public void Run(IReadOnlyList<Method> methods, int seeds, CancellationToken stop)
    {
        Directory.CreateDirectory(folder);
        var cohort = new PhantomCohort(plan, folder);
        cohort.Draw(stop);
        var foundation = Path.Combine(folder, "foundation.safetensors");
        Bars.Run("pre-training, once for all", tell => Pretraining.Run(plan, cohort.Open(PhantomCohort.Unlabelled), foundation, new Direct<TrainingProgress>(state => tell(state.Fraction, "")), stop));
        var (train, validation, test) = (cohort.Open(PhantomCohort.Train), cohort.Open(PhantomCohort.Validation), cohort.Open(PhantomCohort.Test));
        var rows = new List<string>();
        foreach (var method in methods)
        {
            var runs = Enumerable.Range(0, seeds).Select(seed => One(method, (ulong)seed, foundation, train, validation, test, stop)).ToList();
            rows.Add(Row(method, runs));
            File.WriteAllLines(Path.Combine(folder, "methods.md"), [.. Caption(train, validation, test, seeds), .. rows]);
        }

        foreach (var line in File.ReadLines(Path.Combine(folder, "methods.md"))) Console.WriteLine(line);
    }

    private (MethodResult Result, long Bytes) One(Method method, ulong seed, string foundation, ImageDataset train, ImageDataset validation, ImageDataset test, CancellationToken stop)
    {
        var adapter = Path.Combine(folder, "adapters", method.Adaptation.ToString());
        var result = Bars.Run($"{method.Name}, seed {seed}", tell => new Comparison(plan with { Seed = seed }, foundation, train, validation, test).Run(
            method, new Direct<TrainingProgress>(state => tell(state.Fraction, $"epoch {state.Epoch}/{state.Epochs}")), stop, (_, lora) =>
            {
                Directory.CreateDirectory(adapter);
                lora.Save(adapter);
            }));
        return (result, new DirectoryInfo(adapter).EnumerateFiles().Sum(file => file.Length));
    }

    private IEnumerable<string> Caption(ImageDataset train, ImageDataset validation, ImageDataset test, int seeds) =>
    [
        FormattableString.Invariant($"Reduced QuickStart task: {train.Count} labelled phantoms of {plan.Size} pixels to learn from in {plan.Epochs} epochs, {validation.Count} to pick the best epoch, {test.Count} to test;"),
        FormattableString.Invariant($"one foundation model, pre-trained for {plan.PretrainingEpochs} epochs on {plan.Unlabelled}. Mean and standard deviation of the macro AUROC over {seeds} seeds, which draw head, adapter and"),
        "order of the images, not the images. Each method has a usual learning rate of its own, none was searched; head and last norm are trained in all of them and",
        "count as trained and in the bytes. A task this small ranks nothing: it shows that each method learns, and what it costs.",
        "",
        "| method | parameters trained | of all | test AUROC | sd | seconds | adapter bytes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ];

    private static string Row(Method method, IReadOnlyList<(MethodResult Result, long Bytes)> runs)
    {
        var scores = runs.Select(run => run.Result.Test.Macro).ToList();
        var mean = scores.Average();
        var deviation = scores.Count > 1 ? Math.Sqrt(scores.Sum(score => (score - mean) * (score - mean)) / (scores.Count - 1)).ToString("F3", CultureInfo.InvariantCulture) : "–";
        var trained = runs[0].Result.Trained;
        return FormattableString.Invariant(
            $"| {method.Name} | {trained.Count:N0} | {100.0 * trained.Count / trained.Total:F1} % | {mean:F3} | {deviation} | {runs.Average(run => run.Result.Training.Elapsed.TotalSeconds):F0} | {runs[0].Bytes:N0} |");
    }
}
