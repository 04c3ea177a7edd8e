using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Training;

/// <summary>Where a run is, apart from its tensors: with them, the seed and the data it determines all that follows.</summary>
internal sealed record RunState
{
    /// <summary>The epoch in work, from 1.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>The loader's next batch in it.</summary>
    public int Batch { get; set; }

    /// <summary>Steps that the optimizer took.</summary>
    public int Steps { get; set; }

    /// <summary>Losses of the epoch's steps, added up.</summary>
    public double LossSum { get; set; }

    /// <summary>Steps of the epoch.</summary>
    public int LossCount { get; set; }

    /// <summary>Rate of the last step.</summary>
    public double Rate { get; set; }

    /// <summary>Images of the epoch so far, and the seconds spent on them and on waiting for them.</summary>
    public long Images { get; set; }

    public double LearningSeconds { get; set; }

    public double WaitingSeconds { get; set; }

    /// <summary>Seconds of the run in earlier processes.</summary>
    public double Seconds { get; set; }

    public int MicroBatch { get; set; }

    public double? LossScale { get; set; }

    public int LossScaleGrowth { get; set; }

    /// <summary>Macro AUROC of the best epoch; null before there is one.</summary>
    public double? BestScore { get; set; }

    /// <summary>Epochs since then.</summary>
    public int SinceBest { get; set; }

    public bool Finished { get; set; }

    public bool StoppedEarly { get; set; }

    public List<EpochState> Epochs { get; init; } = [];

    public List<SkippedImage> Skipped { get; set; } = [];
}

/// <summary>A finished epoch; without scores where the run only pre-trains.</summary>
internal sealed record EpochState(int Epoch, double Loss, double Rate, IReadOnlyList<LabelAuroc>? Auroc, double ImagesPerSecond, double Seconds, double DataWait, long PeakMemory)
{
    public EpochResult Result => new(Epoch, Loss, Rate, new AurocReport(Auroc ?? []), ImagesPerSecond, TimeSpan.FromSeconds(Seconds)) { DataWait = DataWait, PeakMemoryBytes = PeakMemory };
}
