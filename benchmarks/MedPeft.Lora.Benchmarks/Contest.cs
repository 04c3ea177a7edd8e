using System.Diagnostics;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Times contestants in turns, A B A B, so that a machine that slows down slows all of them; medians and their ratios are what is reported.</summary>
internal static class Contest
{
    /// <summary>Seconds that one run of each contestant takes, median over the rounds, after one warm-up each.</summary>
    public static double[] Run(int rounds, params Action[] contestants)
    {
        foreach (var contestant in contestants) contestant();
        var times = contestants.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < contestants.Length; i++)
            {
                var clock = Stopwatch.StartNew();
                contestants[i]();
                times[i].Add(clock.Elapsed.TotalSeconds);
            }
        }

        return [.. times.Select(Median)];
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values.Count % 2 == 1 ? values[values.Count / 2] : (values[values.Count / 2 - 1] + values[values.Count / 2]) / 2;
    }
}
