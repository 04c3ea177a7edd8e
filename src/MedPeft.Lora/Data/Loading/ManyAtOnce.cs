using System.Runtime.ExceptionServices;

namespace MedPeft.Lora.Data.Loading;

/// <summary>
/// Runs one piece of work for each of many items on all cores. A failure is thrown as it is, that of the first item if several fail, never wrapped.
/// </summary>
internal static class ManyAtOnce
{
    /// <param name="count">The number of items.</param>
    /// <param name="threads">Threads; 0 takes one for each core.</param>
    /// <param name="work">Receives the item's position.</param>
    /// <param name="cancellationToken">Stops between items.</param>
    public static void Run(int count, int threads, Action<int> work, CancellationToken cancellationToken)
    {
        var next = -1;
        var failedAt = int.MaxValue;
        Exception? failure = null;
        var gate = new object();
        var workers = new Thread[Math.Min(threads == 0 ? Environment.ProcessorCount : threads, count)];
        for (var t = 0; t < workers.Length; t++)
        {
            workers[t] = new Thread(Work) { IsBackground = true, Name = $"MedPeft data {t}" };
            workers[t].Start();
        }

        foreach (var worker in workers) worker.Join();
        cancellationToken.ThrowIfCancellationRequested();
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);

        void Work()
        {
            int i;
            // Items are taken in order, so whatever failed first in the list has been reached when a later failure stops the rest.
            while (!cancellationToken.IsCancellationRequested && Volatile.Read(ref failedAt) == int.MaxValue && (i = Interlocked.Increment(ref next)) < count)
            {
                try
                {
                    work(i);
                }
                catch (Exception e)
                {
                    lock (gate)
                        if (i < failedAt) (failedAt, failure) = (i, e);
                }
            }
        }
    }
}
