namespace MedPeft.Lora.Metrics;

/// <summary>What to evaluate, and how.</summary>
public sealed record EvaluationOptions
{
    /// <summary>What the scores are.</summary>
    /// <value>The default is <see cref="ScoreKind.Probability"/>; a score outside 0 … 1 is then an error.</value>
    public ScoreKind Scores { get; init; } = ScoreKind.Probability;

    /// <summary>Divides logits before calibration is measured; needs <see cref="ScoreKind.Logit"/>. From <see cref="TemperatureScaling"/>.</summary>
    /// <value>The default is 1.</value>
    public double Temperature
    {
        get;
        init
        {
            if (!(value > 0 && double.IsFinite(value)))
                throw new ArgumentOutOfRangeException(nameof(Temperature), value, "A temperature divides the logits: it is finite and above 0.");
            field = value;
        }
    } = 1;

    /// <summary>The confidence of DeLong's intervals.</summary>
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

    /// <summary>The specificities to report the sensitivity at.</summary>
    /// <value>The default is 0.8, 0.9 and 0.95.</value>
    public IReadOnlyList<double> Specificities { get; init; } = [0.8, 0.9, 0.95];

    /// <summary>The false positive rate that the partial area ends at, above 0 and at most 1.</summary>
    /// <value>The default is 0.1.</value>
    public double PartialUpTo { get; init; } = 0.1;

    /// <summary>Bins of the reliability diagram and of the expected calibration error.</summary>
    /// <value>The default is 15.</value>
    public int Bins
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, nameof(Bins));
            field = value;
        }
    } = Calibration.DefaultBins;

    /// <summary>Thresholds chosen on other cases: those of the validation set's report.</summary>
    /// <value>The default is null: none are applied.</value>
    public IReadOnlyList<LabelThresholds>? Thresholds { get; init; }

    /// <summary>Whether to keep the ROC and precision-recall curves.</summary>
    /// <value>The default is true.</value>
    public bool Curves { get; init; } = true;

    /// <summary>Intervals by resampling, by patient for instance, besides DeLong's.</summary>
    /// <value>The default is null: none.</value>
    public BootstrapOptions? Bootstrap { get; init; }

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
