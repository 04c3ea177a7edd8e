namespace MedPeft.Samples.QuickStart;

/// <summary>Reports on the working thread, so that no bar jumps back.</summary>
internal sealed class Direct<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
