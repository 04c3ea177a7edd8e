namespace MedPeft.Lora.Native;

/// <summary>libtorch or TorchSharp's native library cannot be loaded on this machine. The message says why, and what would help.</summary>
public sealed class TorchRuntimeException : Exception
{
    /// <summary>An exception without a message of its own.</summary>
    public TorchRuntimeException()
    {
    }

    /// <summary>An exception with a message.</summary>
    /// <param name="message">What was found, what would fit, what to do.</param>
    public TorchRuntimeException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with a message and the error behind it.</summary>
    /// <param name="message">What was found, what would fit, what to do.</param>
    /// <param name="innerException">The error of the loader or of the file system.</param>
    public TorchRuntimeException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
