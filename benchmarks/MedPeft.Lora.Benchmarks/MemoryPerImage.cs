using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace MedPeft.Lora.Benchmarks;

/// <summary>What an image more in the batch costs in memory: the peak of a process that does one kind of step, at several batches, and the slope between the smallest and the largest.</summary>
internal static partial class MemoryPerImage
{
    private static readonly (string Work, Trained Trained, Training.Precision Precision, int Goal)[] Rows =
    [
        ("LoRA step, float32", Trained.Lora, Training.Precision.Float32, 100),
        ("LoRA step, bfloat16 backbone", Trained.Lora, Training.Precision.BFloat16, 65),
        ("inference, float32", Trained.Inference, Training.Precision.Float32, 10),
        ("inference, bfloat16", Trained.Inference, Training.Precision.BFloat16, 10),
    ];

    public static int Run(string[] args)
    {
        var batches = args.Length > 0 ? args[0].Split(',').Select(batch => int.Parse(batch, CultureInfo.InvariantCulture)).ToArray() : [4, 8, 16];
        if (batches.Length < 2)
        {
            Console.Error.WriteLine("memory [batch,batch,...] [steps]: a slope needs two batches at least.");
            return 2;
        }

        var steps = args.Length > 1 ? args[1] : "2";
        Console.WriteLine($"| ViT-B/16 at 224 px, peak memory of the process, MiB | {string.Join(" | ", batches.Select(batch => $"batch {batch}"))} | an image more | goal |");
        Console.WriteLine($"|---|{string.Concat(Enumerable.Repeat("---:|", batches.Length + 2))}");
        foreach (var (work, trained, precision, goal) in Rows)
        {
            var peaks = batches.Select(batch => Peak(trained, batch, precision, steps)).ToList();
            var slope = (peaks[^1] - peaks[0]) / (batches[^1] - batches[0]);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {work} | {string.Join(" | ", peaks.Select(peak => peak.ToString("N0", CultureInfo.InvariantCulture)))} | {slope:F1} | {goal} |"));
        }

        return 0;
    }

    private static double Peak(Trained trained, int batch, Training.Precision precision, string steps)
    {
        string[] command = [.. CheckpointLoading.Host(), "step", trained.ToString(), batch.ToString(CultureInfo.InvariantCulture), "4", precision.ToString(), steps];
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, command) { RedirectStandardOutput = true })!;
        var answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return double.Parse(PeakText().Match(answer).Groups[1].Value, NumberStyles.Number, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("peak memory ([0-9,.]+) MiB")]
    private static partial Regex PeakText();
}
