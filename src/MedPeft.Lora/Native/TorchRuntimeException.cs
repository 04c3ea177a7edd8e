namespace MedPeft.Lora.Native;

/// <summary>libtorch or TorchSharp's native library cannot be loaded on this machine. The message says why, and what would help.</summary>
public sealed class TorchRuntimeException : Exception
{
    /// <summary>Carries the explanation.</summary>
    /// <param name="message">What was found, what would fit, what to do.</param>
    /// <param name="innerException">The error of the loader or of the file system, if any.</param>
    public TorchRuntimeException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
