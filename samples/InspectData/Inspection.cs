using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using Spectre.Console;

namespace MedPeft.Samples.InspectData;

/// <summary>One look: open the lists, describe each, compare them, read every image, draw the sheet.</summary>
internal sealed class Inspection(Options options, ParseResult given)
{
    private const int Shown = 10;

    public int Run(CancellationToken stop)
    {
        var folder = DatasetFolder.Find(Get(options.Data).FullName, Get(options.Dataset));
        var choices = new DatasetChoices
        {
            Labels = Get(options.Labels), Uncertainty = Get(options.Uncertainty), Windowing = Get(options.Windowing), Missing = MissingImages.Skip, Headers = true,
        };
        string?[] lists = Get(options.Lists) is { Length: > 0 } named ? [.. named] : [folder.Kind == DatasetKind.CheXpert ? folder.TrainList : null];
        ImageDataset[] sets = [.. lists.Select(list => Open(folder, list, choices))];
        foreach (var set in sets) Describe(set);
        var found = Leaks(sets, stop) | (!Get(options.Quick) && Unreadable(folder, sets, stop));
        if (Get(options.Sheet) is { } sheet)
        {
            LabelSheet.Save(sheet.FullName, sets[0], Get(options.Pictures));
            AnsiConsole.MarkupLineInterpolated($"Contact sheet: {sheet.FullName}");
        }

        return found ? ExitCode.Found : ExitCode.Clean;
    }

    // A header that cannot be read is for the list of unreadable images; it does not keep the rest from being described.
    private static ImageDataset Open(DatasetFolder folder, string? list, DatasetChoices choices)
    {
        try
        {
            return folder.Open(list, choices);
        }
        catch (ImageException)
        {
            AnsiConsole.MarkupLine("[yellow]A DICOM header cannot be read; view, sex and age are left out.[/]");
            return folder.Open(list, choices with { Headers = false });
        }
    }

    private static void Describe(ImageDataset set)
    {
        AnsiConsole.WriteLine();
        AnsiConsole.MarkupLineInterpolated($"[bold]{set}[/]");
        var table = new Table().AddColumn("label");
        foreach (var name in (string[])["present", "absent", "not said", "prevalence", "pos_weight"]) table.AddColumn(new TableColumn(name).RightAligned());
        var weights = set.PositiveWeights();
        foreach (var (count, k) in set.LabelCounts.Select((c, k) => (c, k)))
            table.AddRow(
                Markup.Escape(count.Label), Number(count.Positives), Number(count.Negatives), Number(count.Missing),
                count.Positives + count.Negatives == 0 ? "–" : $"{100 * count.Prevalence:F2} %",
                count.Positives == 0 || count.Negatives == 0 ? "–" : weights[k].ToString("F2", CultureInfo.InvariantCulture));
        AnsiConsole.Write(table);

        var sexes = string.Join(", ", set.GroupBy(r => r.Sex).OrderBy(g => g.Key).Select(g => $"{g.Key} {Number(g.Count())}"));
        double[] ages = [.. set.Select(r => r.Age).OfType<double>().Order()];
        var age = ages.Length == 0 ? "unknown" : $"{ages[0]:0.#} to {ages[^1]:0.#}, median {ages[ages.Length / 2]:0.#}";
        var missing = set.Count == ages.Length ? "" : $", {Number(set.Count - ages.Length)} unknown";
        AnsiConsole.WriteLine($"Sex: {sexes}. Age in years: {age}{(ages.Length == 0 ? "" : missing)}.");
        var histories = set.Where(r => r.Patient is not null).GroupBy(r => (r.Source, r.Patient)).Select(g => g.Count()).ToArray();
        AnsiConsole.WriteLine(histories.Length == 0
            ? "Patients: unknown, so lists cannot be kept apart by patient."
            : $"Patients: {Number(histories.Length)}, with {histories.Average():F1} images each on average and {histories.Max()} at most.");
        if (set.Sum(r => r.Boxes.Count) is > 0 and var boxes) AnsiConsole.WriteLine($"Boxes: {Number(boxes)} on {Number(set.Count(r => r.Boxes.Count > 0))} images.");
        if (set.Missing.Count > 0) AnsiConsole.MarkupLineInterpolated($"[yellow]{Number(set.Missing.Count)} images are not on disk.[/]");
    }

    private bool Leaks(ImageDataset[] sets, CancellationToken stop)
    {
        var thorough = new LeakCheckOptions { Bytes = Get(options.Looks), NearDuplicates = Get(options.Looks) };
        var found = false;
        if (sets.Length > 1) AnsiConsole.MarkupLine("\n[bold]Leaks[/]");
        for (var i = 0; i < sets.Length; i++)
        {
            for (var j = i + 1; j < sets.Length; j++)
            {
                var report = LeakCheck.Compare(sets[i], sets[j], thorough, stop);
                found |= report.HasLeak;
                AnsiConsole.MarkupLineInterpolated($"[{(report.HasLeak ? "red" : "green")}]{report}[/]");
            }
        }

        return found;
    }

    // Decodes everything once, which is what training would do; the errors say what to do about each file.
    private static bool Unreadable(DatasetFolder folder, ImageDataset[] sets, CancellationToken stop)
    {
        AnsiConsole.MarkupLine("\n[bold]Unreadable images[/]");
        var images = sets.SelectMany(s => s).DistinctBy(r => r.Path).ToArray();
        var bad = new System.Collections.Concurrent.ConcurrentBag<(string Path, string Problem)>();
        var sizes = new System.Collections.Concurrent.ConcurrentDictionary<(int, int, int), int>();
        Parallel.ForEach(images, new ParallelOptions { CancellationToken = stop }, record =>
        {
            try
            {
                var image = record.Decode();
                sizes.AddOrUpdate((image.Width, image.Height, image.Channels), 1, (_, n) => n + 1);
            }
            catch (ImageException e)
            {
                bad.Add((Path.GetRelativePath(folder.Root, record.Path), e.Problem));
            }
        });
        var most = string.Join(", ", sizes.OrderByDescending(s => s.Value).ThenBy(s => s.Key).Take(3).Select(s => $"{s.Key.Item1}x{s.Key.Item2}{(s.Key.Item3 == 1 ? " gray" : " colour")}: {Number(s.Value)}"));
        AnsiConsole.WriteLine($"{Number(images.Length - bad.Count)} of {Number(images.Length)} images decode ({most}{(sizes.Count > 3 ? $", {sizes.Count - 3} other sizes" : "")}).");
        foreach (var (path, problem) in bad.OrderBy(b => b.Path, StringComparer.Ordinal).Take(Shown)) AnsiConsole.MarkupLineInterpolated($"[red]{path}[/] {problem}");
        if (bad.Count > Shown) AnsiConsole.WriteLine($"… and {Number(bad.Count - Shown)} more.");
        return !bad.IsEmpty;
    }

    private static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private T Get<T>(Option<T> option) => given.GetValue(option)!;

    private T Get<T>(Argument<T> argument) => given.GetValue(argument)!;
}
