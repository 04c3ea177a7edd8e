using MedPeft.Lora.Data;

namespace MedPeft.Lora.Training;

/// <summary>What a run came to.</summary>
/// <param name="Epochs">Every epoch that was finished, in order.</param>
/// <param name="TrainedParameters">Numbers that the run trained.</param>
/// <param name="Cancelled">Whether it was stopped before its last epoch. What was finished until then is kept.</param>
/// <param name="Elapsed">Its duration; of all its parts where it was interrupted and resumed.</param>
public sealed record TrainingResult(IReadOnlyList<EpochResult> Epochs, long TrainedParameters, bool Cancelled, TimeSpan Elapsed)
{
    /// <summary>Whether <see cref="TrainingOptions.Patience"/> ended it.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Whether it went on from a checkpoint in <see cref="TrainingOptions.RunFolder"/>.</summary>
    public bool Resumed { get; init; }

    /// <summary>Training images that were left out because they cannot be read.</summary>
    public IReadOnlyList<SkippedImage> Skipped { get; init; } = [];

    /// <summary>The epoch with the highest macro AUROC on validation, the first of them on a tie.</summary>
    /// <exception cref="TrainingException">The run was stopped before it finished one.</exception>
    public EpochResult Best => Epochs.Count == 0
        ? throw new TrainingException("The run was stopped before its first epoch ended, so there is no best one. Let it finish an epoch, or check Epochs.Count first.")
        : Epochs.MaxBy(epoch => epoch.Auroc.Macro)!;
}
