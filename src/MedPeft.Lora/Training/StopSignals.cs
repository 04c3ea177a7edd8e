using System.Runtime.InteropServices;

namespace MedPeft.Lora.Training;

/// <summary>
/// Turns the system's requests to stop into a token that lets a run finish its step and save: Ctrl+C, SIGTERM (a scheduler takes the machine back, a
/// container is stopped) and, where it exists, SIGUSR1 (Slurm's warning before the time limit).
/// </summary>
/// <example>
/// <code>
/// using var stop = new StopSignals();
/// var result = new Trainer(options with { RunFolder = "run" }).Fit(model, train, validation, cancellationToken: stop.Token);
/// return result.Cancelled ? stop.ExitCode : 0;
/// </code>
/// </example>
public sealed class StopSignals : IDisposable
{
    /// <summary>Ended by Ctrl+C: 128 + SIGINT, as shells have it.</summary>
    public const int ExitStopped = 130;

    /// <summary>Asked to make room by SIGTERM or SIGUSR1: start the same command again to go on. EX_TEMPFAIL of sysexits.h, for Slurm's <c>RequeueExit=75</c>.</summary>
    public const int ExitTryAgain = 75;

    private readonly CancellationTokenSource _source = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Listens from here on until it is disposed. A second Ctrl+C ends the process at once.</summary>
    public StopSignals()
    {
        Listen(PosixSignal.SIGINT, ExitStopped);
        Listen(PosixSignal.SIGTERM, ExitTryAgain);
        // .NET has no name for it, and takes the system's own number.
        if (OperatingSystem.IsLinux()) Listen((PosixSignal)10, ExitTryAgain);
        else if (OperatingSystem.IsMacOS()) Listen((PosixSignal)30, ExitTryAgain);
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>What the process should end with: <see cref="ExitStopped"/> or <see cref="ExitTryAgain"/>; 0 while no signal has come.</summary>
    public int ExitCode { get; private set; }

    /// <summary>Stops listening; the signals have their usual effect again.</summary>
    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    /// <summary>What a signal does; true where its usual effect, the end of the process, is to be kept off.</summary>
    internal bool Receive(int exitCode)
    {
        if (_source.IsCancellationRequested) return exitCode != ExitStopped;
        ExitCode = exitCode;
        _source.Cancel();
        return true;
    }

    private void Listen(PosixSignal signal, int exitCode) =>
        _registrations.Add(PosixSignalRegistration.Create(signal, context => context.Cancel = Receive(exitCode)));
}
