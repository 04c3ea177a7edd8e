namespace MedPeft.Lora.Metrics;

/// <summary>How to resample.</summary>
public sealed record BootstrapOptions
{
    /// <summary>Resamples drawn, at least 2.</summary>
    /// <value>The default is 2000.</value>
    public int Replicates
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 2, nameof(Replicates));
            field = value;
        }
    } = 2000;

    /// <summary>The confidence of the interval, above 0 and below 1.</summary>
    /// <value>The default is 0.95.</value>
    public double Level
    {
        get;
        init
        {
            Normal.CheckLevel(value, nameof(Level));
            field = value;
        }
    } = 0.95;

    /// <summary>Chooses the resamples: the same seed gives the same ones, for any number of threads.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>A key per case, the patient's for instance: cases of one key are drawn together, because they are no independent evidence.</summary>
    /// <value>The default is null: each case is drawn by itself.</value>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>Threads at most; 0 is all cores.</summary>
    /// <value>The default is 0.</value>
    public int Threads
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Threads));
            field = value;
        }
    }
}
