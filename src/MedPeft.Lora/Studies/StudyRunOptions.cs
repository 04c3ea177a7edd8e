using MedPeft.Lora.Common;

namespace MedPeft.Lora.Studies;

/// <summary>What of running a study changes no result.</summary>
public sealed record StudyRunOptions
{
    /// <summary>Steps from one checkpoint to the next, beside those that the trainer writes by the clock and after each epoch.</summary>
    /// <value>Default 0: by the clock and after each epoch only.</value>
    public int CheckpointSteps { get; init => field = Require.NotNegative(value); }

    /// <summary>Threads that decode images.</summary>
    /// <value>Default 0: all cores.</value>
    public int LoaderThreads { get; init => field = Require.NotNegative(value); }
}
