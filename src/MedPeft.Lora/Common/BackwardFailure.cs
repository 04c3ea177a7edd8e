using System.Runtime.ExceptionServices;

namespace MedPeft.Lora.Common;

/// <summary>Carries an error out of a backward pass: one that leaves managed code there would end the process, as native code stands above it.</summary>
internal static class BackwardFailure
{
    private static Exception? _failure;

    /// <summary>Keeps the first error.</summary>
    public static void Keep(Exception error) => Interlocked.CompareExchange(ref _failure, error, null);

    /// <summary>Throws the error of the last backward pass, if it had one: its gradients are of no use.</summary>
    public static void Rethrow()
    {
        if (Interlocked.Exchange(ref _failure, null) is { } error) ExceptionDispatchInfo.Throw(error);
    }
}
