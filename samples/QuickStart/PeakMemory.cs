namespace MedPeft.Samples.QuickStart;

/// <summary>Watches how much memory the process holds, from its making to its end; on every platform, by looking often.</summary>
internal sealed class PeakMemory : IDisposable
{
    private readonly ManualResetEventSlim ended = new();
    private readonly Thread watcher;
    private long peak;

    public PeakMemory()
    {
        // What earlier steps left behind does not count.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        watcher = new Thread(Watch) { IsBackground = true, Name = "peak memory" };
        watcher.Start();
    }

    /// <summary>The highest so far, in units of 10^6 bytes.</summary>
    public double Megabytes => Interlocked.Read(ref peak) / 1e6;

    public void Dispose()
    {
        ended.Set();
        watcher.Join();
        ended.Dispose();
    }

    private void Watch()
    {
        do
        {
            Interlocked.Exchange(ref peak, Math.Max(peak, Environment.WorkingSet));
        }
        while (!ended.Wait(10));
    }
}
