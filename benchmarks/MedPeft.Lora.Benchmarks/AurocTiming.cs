using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Benchmarks;

/// <summary>
/// Times AUROC in turn with another program: it reads a folder with scores.f32 and labels.f32, [n, K] row-major, and then, for each line of
/// its input, writes the seconds on one thread and on all; at the end of the input, the K areas.
/// </summary>
internal static class AurocTiming
{
    public static int Run(string[] args)
    {
        if (args.Length < 2)
        {
            Console.Error.WriteLine("auroc <folder> <labels>; benchmarks/peer/auroc.py calls it.");
            return 2;
        }

        var (scores, labels) = (Read(args[0], "scores.f32"), Read(args[0], "labels.f32"));
        string[] names = [.. Enumerable.Range(0, int.Parse(args[1], CultureInfo.InvariantCulture)).Select(k => $"label {k}")];
        for (var i = 0; i < 3; i++) Auroc.PerLabel(scores, labels, names); // compiled, and the memory is there
        while (Console.ReadLine() is not null)
        {
            var (one, all) = (Time(1), Time(0));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one:R} {all:R}"));
        }

        Console.WriteLine(string.Join(' ', Auroc.PerLabel(scores, labels, names).PerLabel.Select(label => label.Value!.Value.ToString("R", CultureInfo.InvariantCulture))));
        return 0;

        double Time(int threads)
        {
            var clock = Stopwatch.StartNew();
            Auroc.PerLabel(scores, labels, names, threads);
            return clock.Elapsed.TotalSeconds;
        }
    }

    private static float[] Read(string folder, string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, name))).ToArray();
}
