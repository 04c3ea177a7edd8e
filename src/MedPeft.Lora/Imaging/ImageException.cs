namespace MedPeft.Lora.Imaging;

/// <summary>An image that cannot be read: missing, damaged, too large or of another kind. The message names the file and what to do.</summary>
public sealed class ImageException : Exception
{
    /// <summary>Names a file and what is wrong with it.</summary>
    /// <param name="file">The path, or the name under which the bytes were handed over.</param>
    /// <param name="problem">What was found, what would fit and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public ImageException(string file, string problem, Exception? innerException = null)
        : base($"'{file}' {problem}", innerException)
    {
        (File, Problem) = (file, problem);
    }

    /// <summary>The path, or the name under which the bytes were handed over.</summary>
    public string File { get; }

    /// <summary>The message without the file's name, for logs that must not hold paths.</summary>
    public string Problem { get; }
}
