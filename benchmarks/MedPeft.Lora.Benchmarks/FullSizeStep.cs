using System.Diagnostics;
using System.Globalization;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Times full-size training steps in a process of its own and reads the peak memory of that process.</summary>
internal static class FullSizeStep
{
    public static int Run(string[] args)
    {
        var trained = args.Length > 0 ? Enum.Parse<Trained>(args[0], ignoreCase: true) : Trained.Lora;
        var batch = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 4;
        var rank = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 4;
        var precision = args.Length > 3 ? Enum.Parse<Training.Precision>(args[3], ignoreCase: true) : Training.Precision.Float32;
        var count = args.Length > 4 ? int.Parse(args[4], CultureInfo.InvariantCulture) : 7;
        using var step = new TrainingStep(trained, batch, rank: rank, precision: precision);
        var loaded = Peak();
        ForgetPeak();
        step.Step();
        var times = new List<double>();
        for (var i = 0; i < count; i++)
        {
            var clock = Stopwatch.StartNew();
            step.Step();
            times.Add(clock.Elapsed.TotalSeconds);
        }

        times.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{trained}, ViT-B/16 at 224 px, batch {batch}, rank {rank}, {precision}: {step.TrainedParameters:N0} parameters trained; step {times[times.Count / 2]:F2} s (median of {times.Count}), {batch / times[times.Count / 2]:F2} images/s; peak memory {Peak():N0} MiB ({loaded:N0} with the model alone)"));
        return 0;
    }

    // A model takes more while it is made and converted than while it computes: where the system allows, the peak starts anew.
    private static void ForgetPeak()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        try
        {
            if (OperatingSystem.IsLinux()) File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"The peak includes the making of the model: {error.Message}");
        }
    }

    private static double Peak()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1048576.0;
    }
}
