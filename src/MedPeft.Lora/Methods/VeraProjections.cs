using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The frozen factors that all layers of a VeRA adapter share; gone when the last of them is.</summary>
internal sealed class VeraProjections : IDisposable
{
    private readonly object _gate = new();
    private readonly Dictionary<(ScalarType, string), (Tensor A, Tensor B)> _copies = []; // of each type and device that a pass has asked for
    private readonly Tensor _a, _b;
    private int _owners = 1;

    /// <summary>Draws them on the CPU, A first, each uniform in ±√(6/in) (Kaiming with the gain √2), as PEFT does from the same seed.</summary>
    public VeraProjections(ulong seed, int rank, long inputs, long outputs)
    {
        using var generator = new Generator(seed);
        _a = Uniform([rank, inputs]);
        _b = Uniform([outputs, rank]);

        Tensor Uniform(long[] shape)
        {
            var bound = Math.Sqrt(6.0 / shape[1]);
            return empty(shape, ScalarType.Float32).uniform_(-bound, bound, generator).DetachFromDisposeScope();
        }
    }

    /// <summary>Registers one more owner, which disposes once.</summary>
    public VeraProjections Shared()
    {
        lock (_gate) _owners++;
        return this;
    }

    /// <summary>The rows and columns that a layer uses, as views.</summary>
    /// <returns>A [r, inputs] and B [outputs, r], caller owns.</returns>
    public (Tensor A, Tensor B) Sliced(long inputs, long outputs, ScalarType type, Device device)
    {
        lock (_gate)
        {
            var key = (type, device.ToString());
            if (!_copies.TryGetValue(key, out var copy))
            {
                using var none = no_grad();
                copy = (_a.to(type, device, copy: true).DetachFromDisposeScope(), _b.to(type, device, copy: true).DetachFromDisposeScope());
                _copies.Add(key, copy);
            }
            return (copy.A.narrow(1, 0, inputs), copy.B.narrow(0, 0, outputs));
        }
    }

    /// <summary>The factors themselves, A [r, in] and B [out, r] of the widest layer; <see cref="Changed"/> must follow where they are written to.</summary>
    public (Tensor A, Tensor B) Whole => (_a, _b);

    /// <summary>Forgets the copies of other types and devices.</summary>
    public void Changed()
    {
        lock (_gate) Forget();
    }

    /// <summary>Takes one owner off.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (--_owners > 0) return;
            _a.Dispose();
            _b.Dispose();
            Forget();
        }
    }

    private void Forget()
    {
        foreach (var (a, b) in _copies.Values)
        {
            a.Dispose();
            b.Dispose();
        }
        _copies.Clear();
    }
}
