using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// Torch's global generator for the length of a run: reseeded before every step from the run's seed and the step's number, so that a step's
/// random choices depend on nothing before it, and given back to the caller as it was.
/// </summary>
internal sealed class RandomStreams(ulong seed) : IDisposable
{
    private readonly Tensor _callers = random.get_rng_state().DetachFromDisposeScope();

    /// <summary>Sets the generator for one step; dropout and stochastic depth draw from it.</summary>
    public void Begin(long step)
    {
        // SplitMix64 over seed and step: neighbouring numbers give unrelated streams.
        var z = (ulong)step * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
#pragma warning disable RS0030 // The layers draw from torch's global generator; Dispose gives the caller's state back.
        manual_seed((long)((z ^ (z >> 31)) >> 1)).Dispose();
#pragma warning restore RS0030
    }

    public void Dispose()
    {
        random.set_rng_state(_callers);
        _callers.Dispose();
    }
}
