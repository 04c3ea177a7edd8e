namespace MedPeft.Lora.Training;

/// <summary>A run that cannot begin or go on: the data, the model and the options do not fit, or the numbers broke down.</summary>
public sealed class TrainingException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">What was found, what would fit and what to do.</param>
    /// <param name="innerException">Its cause, if another error is.</param>
    public TrainingException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Where the numbers broke down: the images of that step, relative to their common folder. They may name patients, so the message leaves them out.</summary>
    public IReadOnlyList<string> BatchFiles { get; init; } = [];
}
