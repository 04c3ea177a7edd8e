namespace MedPeft.Lora.Training;

/// <summary>What a run came to.</summary>
/// <param name="Epochs">Every epoch that was finished, in order.</param>
/// <param name="TrainedParameters">Numbers that the run trained.</param>
/// <param name="Cancelled">Whether it was stopped before its last epoch. What was finished until then is kept.</param>
/// <param name="Elapsed">Its duration.</param>
public sealed record TrainingResult(IReadOnlyList<EpochResult> Epochs, long TrainedParameters, bool Cancelled, TimeSpan Elapsed)
{
    /// <summary>The epoch with the highest macro AUROC on validation, the first of them on a tie.</summary>
    /// <exception cref="TrainingException">The run was stopped before it finished one.</exception>
    public EpochResult Best => Epochs.Count == 0
        ? throw new TrainingException("The run was stopped before its first epoch ended, so there is no best one. Let it finish an epoch, or check Epochs.Count first.")
        : Epochs.MaxBy(epoch => epoch.Auroc.Macro)!;
}
