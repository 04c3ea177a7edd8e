namespace MedPeft.Lora;

/// <summary>An adapter that does not fit the model: what was found, what would fit, what to do.</summary>
public sealed class LoraException : Exception
{
    /// <summary>Carries the explanation.</summary>
    /// <param name="message">What was found, what would fit, what to do.</param>
    /// <param name="innerException">The cause below, if any.</param>
    public LoraException(string message, Exception? innerException = null) : base(message, innerException) { }
}
