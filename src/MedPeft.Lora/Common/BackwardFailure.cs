using System.Runtime.ExceptionServices;

namespace MedPeft.Lora.Common;

/// <summary>Carries an error out of a backward pass: one that leaves managed code there would end the process, as native code stands above it.</summary>
internal static class BackwardFailure
{
    private static Exception? _failure;

    [ThreadStatic] private static Exception? _failureHere;

    /// <summary>Keeps the first error, of a pass that may run on a thread of torch's own.</summary>
    public static void Keep(Exception error) => Interlocked.CompareExchange(ref _failure, error, null);

    /// <summary>Keeps the first error of this thread, of a pass on the CPU: torch runs it on the thread that asked for it.</summary>
    public static void KeepHere(Exception error) => _failureHere ??= error;

    /// <summary>Throws the error of the last backward pass, if it had one: its gradients are of no use.</summary>
    public static void Rethrow()
    {
        if (_failureHere is { } here)
        {
            _failureHere = null;
            ExceptionDispatchInfo.Throw(here);
        }

        if (Interlocked.Exchange(ref _failure, null) is { } error) ExceptionDispatchInfo.Throw(error);
    }
}
