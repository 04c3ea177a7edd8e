using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>Torch's global CPU generator as the caller left it; disposing gives it back so.</summary>
internal sealed class CallersGenerator : IDisposable
{
    private readonly Tensor _state = random.get_rng_state().DetachFromDisposeScope();

    public void Dispose()
    {
        random.set_rng_state(_state);
        _state.Dispose();
    }
}
