namespace MedPeft.Lora.Training;

/// <summary>Tells whether a failure means that memory has run out.</summary>
internal static class OutOfMemory
{
    private static readonly string[] Signs = ["out of memory", "not enough memory", "can't allocate memory"];

    public static bool Is(Exception error) =>
        error is OutOfMemoryException || Signs.Any(sign => error.Message.Contains(sign, StringComparison.OrdinalIgnoreCase)) || (error.InnerException is { } inner && Is(inner));

    /// <summary>Frees what only finalizers would free, which is what a failed pass has left.</summary>
    public static void CleanUp()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
