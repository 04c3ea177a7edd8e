using System.Runtime.ExceptionServices;

namespace MedPeft.Lora.Metrics;

/// <summary>Draws resamples of cases, or of groups of cases, and evaluates statistics on each.</summary>
internal sealed class Resampler
{
    /// <summary>After so many draws of one class only, in a row, the cases are too few to resample.</summary>
    private const int MostDraws = 10_000;

    private readonly BootstrapOptions options;

    /// <summary>Reads the groups of the options.</summary>
    /// <exception cref="ArgumentException">The groups are not one per case, or one is missing.</exception>
    public Resampler(int cases, BootstrapOptions? options)
    {
        this.options = options ?? new BootstrapOptions();
        (UnitOf, Units) = Number(this.options.Groups, cases);
    }

    /// <summary>Evaluates statistics on a resample.</summary>
    /// <param name="weights">How often each unit was drawn.</param>
    /// <param name="values">Receives the statistics.</param>
    /// <returns>False when the resample cannot be used and must be drawn again.</returns>
    public delegate bool Statistics(int[] weights, Span<double> values);

    /// <summary>The unit of resampling (case or group) of each case.</summary>
    public int[] UnitOf { get; }

    /// <summary>The number of units.</summary>
    public int Units { get; }

    /// <summary>Evaluates <paramref name="observed"/>.Length statistics on every resample.</summary>
    /// <param name="observed">The statistics of the cases themselves.</param>
    /// <param name="statistics">Called from several threads at once.</param>
    /// <exception cref="InvalidOperationException">No resample could be used.</exception>
    public BootstrapEstimate[] Run(double[] observed, Statistics statistics)
    {
        var replicates = options.Replicates;
        var values = new double[observed.Length][];
        for (var s = 0; s < values.Length; s++) values[s] = new double[replicates];
        var redrawn = new int[replicates];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads == 0 ? Environment.ProcessorCount : options.Threads };
        try
        {
            Parallel.For(0, replicates, parallel, () => (Weights: new int[Units], Row: new double[observed.Length]), (replicate, state, buffers) =>
            {
                var random = new ResampleRandom(options.Seed, replicate);
                do
                {
                    Array.Clear(buffers.Weights);
                    for (var i = 0; i < Units; i++) buffers.Weights[random.Below(Units)]++;
                    if (statistics(buffers.Weights, buffers.Row))
                    {
                        for (var s = 0; s < values.Length; s++) values[s][replicate] = buffers.Row[s];
                        return buffers;
                    }
                }
                while (++redrawn[replicate] < MostDraws && !state.IsStopped);
                state.Stop();
                return buffers;
            }, static _ => { });
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]); // a statistic of the caller's threw: it sees its own exception
        }

        if (Array.Exists(redrawn, r => r >= MostDraws))
        {
            throw new InvalidOperationException(
                $"{MostDraws} resamples of {Units} {(options.Groups is null ? "cases" : "groups")} in a row held one class only; "
                + "one class has too few cases to resample. Leave that label out, or gather more cases.");
        }

        var total = redrawn.Sum();
        return [.. observed.Select((value, s) => Estimate(value, values[s], total))];
    }

    private BootstrapEstimate Estimate(double value, double[] replicates, int redrawn)
    {
        Array.Sort(replicates);
        var mean = replicates.Average();
        var variance = replicates.Sum(x => (x - mean) * (x - mean)) / (replicates.Length - 1);
        var tail = (1 - options.Level) / 2;
        var interval = new ConfidenceInterval(Percentile(replicates, tail), Percentile(replicates, 1 - tail), options.Level);
        return new BootstrapEstimate(value, mean, Math.Sqrt(variance), interval, replicates.Length, redrawn);
    }

    /// <summary>Linear between order statistics, as numpy.percentile.</summary>
    private static double Percentile(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = Math.Min((int)place, sorted.Length - 2);
        return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
    }

    private static (int[] UnitOf, int Units) Number(IReadOnlyList<string>? groups, int cases)
    {
        if (groups is null) return ([.. Enumerable.Range(0, cases)], cases);
        var keys = GroupKeys.Check(groups, cases, "Groups");
        return (keys.Of, keys.Names.Count);
    }
}
