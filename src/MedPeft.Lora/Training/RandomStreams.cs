using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// Torch's global generator for the length of a run: reseeded before every step from the run's seed and the step's number, so that a step's
/// random choices depend on nothing before it, and given back to the caller as it was.
/// </summary>
internal sealed class RandomStreams(ulong seed) : IDisposable
{
    private readonly CallersGenerator _callers = new();

    /// <summary>Sets the generator for one step; dropout and stochastic depth draw from it.</summary>
    public void Begin(long step)
    {
        // Over seed and step: neighbouring numbers give unrelated streams.
        var number = SplitMix64.Mix((ulong)step * SplitMix64.Step + seed * 0xD1B54A32D192ED03);
#pragma warning disable RS0030 // The layers draw from torch's global generator; Dispose gives the caller's state back.
        manual_seed((long)(number >> 1)).Dispose();
#pragma warning restore RS0030
    }

    public void Dispose() => _callers.Dispose();
}
