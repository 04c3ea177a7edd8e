using MedPeft.Lora.Common;
using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public abstract partial class AdapterLayer
{
    /// <summary>The adapters on the same layer, in the order they came in. The first of them lies in the model's slots and answers for all.</summary>
    internal IReadOnlyList<AdapterLayer> Stacked => _stack.Layers;

    /// <summary>The slots that hold the first adapter of the layer, and the names of those that cannot.</summary>
    internal (List<Slot> Taken, List<string> Sealed) Slots => (_stack.Taken, _stack.Sealed);

    /// <summary>Takes over the layer's passes while it is set.</summary>
    internal Func<Tensor, Tensor, Tensor>? Route { get => _stack.Route; set => _stack.Route = value; }

    /// <summary>Puts another adapter of the same layer behind this one: one hook adds both updates, and this module answers for the parameters of both.</summary>
    internal void Join(AdapterLayer other)
    {
        other._stack.Leave(other);
        other._stack = _stack;
        _stack.Add(other);
    }

    /// <summary>Takes the adapter out of the layer's stack and out of the slots: the next one, or the layer itself, takes its place.</summary>
    internal void Leave()
    {
        var first = ReferenceEquals(_stack.Layers[0], this);
        var next = first ? _stack.Layers.Skip(1).FirstOrDefault() : this;
        if (first)
            foreach (var slot in Enumerable.Reverse(_stack.Taken))
                if (ReferenceEquals(slot.Value, this)) // someone may have put something else there since
                    slot.Value = (object?)next ?? Base;
        _stack.Leave(this);
    }

    /// <summary>Notes that a pass runs through the layer, and says whether any update takes part in it.</summary>
    internal bool Reach()
    {
        var takesPart = Route is not null;
        foreach (var layer in _stack.Layers)
        {
            layer.Reached = true;
            takesPart |= layer.TakesPart;
        }
        return takesPart;
    }

    /// <summary>The update alone: what it adds to the output of the layer without adapters.</summary>
    internal Tensor UpdateOf(Tensor input, Tensor output) => Update(input, output);

    /// <summary>Names in the state dict of all parameters of adapters that this module answers for.</summary>
    internal IEnumerable<string> StateNames => Answered.SelectMany(layer => layer._adapter.Select(entry => layer.StateName(entry.Name)));

    /// <summary>Name of a parameter in the state dict: <c>lora_A.weight</c> of the adapter "nih" is <c>lora_A.nih.weight</c>.</summary>
    private string StateName(string name)
    {
        const string weight = ".weight";
        if (AdapterName == AdapterSet.DefaultName) return name;
        return name.EndsWith(weight, StringComparison.Ordinal) ? $"{name[..^weight.Length]}.{AdapterName}{weight}" : $"{name}.{AdapterName}";
    }

    // Only the first is in the tree; the others list themselves for those who hold them by hand.
    private IReadOnlyList<AdapterLayer> Answered => _stack.Layers is [var first, ..] && ReferenceEquals(first, this) ? _stack.Layers : [this];

    /// <summary>What the adapters of one layer share: the hook on it, the copy of its weight, its slots.</summary>
    private sealed class Stack
    {
        private readonly AdapterLayer _owner; // knows the layer, whichever adapters come and go
        private Action? _unhook;

        public Stack(AdapterLayer first)
        {
            (_owner, Layers) = (first, [first]);
            _unhook = first.Base.register_forward_hook((_, input, output) => Adapt(input, output)).remove;
        }

        public IReadOnlyList<AdapterLayer> Layers { get; private set; } // replaced, never changed: passes may run

        public List<Slot> Taken { get; } = [];

        public List<string> Sealed { get; } = [];

        public Func<Tensor, Tensor, Tensor>? Route { get; set; }

        public Tensor? Kept { get; private set; }

        public Tensor? KeptBias { get; private set; }

        public void Add(AdapterLayer layer) => Layers = [.. Layers, layer];

        public void Leave(AdapterLayer layer)
        {
            Layers = [.. Layers.Where(one => !ReferenceEquals(one, layer))];
            if (Layers.Count > 0) return;
            _unhook?.Invoke();
            _unhook = null;
            Forget();
        }

        /// <summary>Makes the weight what the adapters that are merged say: the copy with their updates, computed in float64 and rounded once.</summary>
        public void Merge()
        {
            var merged = Layers.Where(layer => layer.Merged).ToList();
            using var none = no_grad();
            Kept ??= Copy(_owner.Weight);
            Put(_owner.Weight, Kept, merged.Select(layer => layer.ExactDelta()));
            var onBias = merged.Select(layer => layer.ExactBiasDelta()).OfType<Tensor>().ToList();
            if (onBias.Count > 0) KeptBias ??= Copy(_owner.Bias!);
            if (KeptBias is not null) Put(_owner.Bias!, KeptBias, onBias);
            if (merged.Count == 0) Forget();
        }

        public (double Largest, double Lost) Error()
        {
            if (Kept is null) return (0, 0);
            using var none = no_grad();
            using var scope = NewDisposeScope();
            var delta = Layers.Where(layer => layer.Merged).Select(layer => layer.ExactDelta()).Aggregate((sum, part) => sum.Plus(part));
            var error = _owner.Weight.to(delta.dtype).Minus(Kept.to(delta.dtype)).Minus(delta);
            var (all, lost) = (Norm(delta), Norm(error));
            return (error.abs().max().to(ScalarType.Float64).item<double>(), all == 0 ? 0 : lost / all);
        }

        public void Convert(ScalarType? dtype, Device? device) => (Kept, KeptBias) = (Moved(Kept, dtype, device), Moved(KeptBias, dtype, device));

        /// <summary>Runs the layer with its adapters, where nobody else listens by the fastest way.</summary>
        public Tensor Run(Tensor input)
        {
            var layer = _owner.Base;
            return LinearProduct.IsFaster(layer, input, knownHooks: _unhook is null ? 0 : 1) ? Adapt(input, LinearProduct.Of((Linear)layer, input)) : layer.call(input); // whose hook adapts
        }

        private Tensor Adapt(Tensor input, Tensor output)
        {
            AdapterLayer? one = null;
            var several = false;
            foreach (var layer in Layers)
            {
                layer.Reached = true;
                if (!layer.TakesPart) continue;
                several = one is not null;
                one ??= layer;
                if (Kept is not null && !layer.IsSum)
                    throw new LoraException($"Adapter '{layer.AdapterName}' works on the output of the plain layer, into whose weight another adapter is merged. Call Unmerge() on that one, or merge both.");
            }
            if (Route is { } route) return route(input, output);
            if (one is null) return output;
            return several ? Sum(input, output) : one.Update(input, output);
        }

        // Each update is relative to the plain layer, so those that read the output get a copy of it as it was.
        private Tensor Sum(Tensor input, Tensor output)
        {
            var parts = Layers.Where(layer => layer.TakesPart).ToList();
            if (parts.Select(layer => layer.SharingObstacle).FirstOrDefault(obstacle => obstacle is not null) is { } obstacle) throw new LoraException(obstacle);
            using var plain = parts.TrueForAll(layer => layer.IsSum) ? null : output.clone();
            var sum = output;
            foreach (var layer in parts.Where(layer => !layer.IsSum))
            {
                var changed = layer.Update(input, plain!.clone());
                using var change = changed.Minus(plain!);
                changed.Dispose();
                sum = sum.PlusInPlace(change);
            }
            foreach (var layer in parts.Where(layer => layer.IsSum)) sum = layer.Update(input, sum);
            return sum;
        }

        private void Forget()
        {
            Kept?.Dispose();
            KeptBias?.Dispose();
            (Kept, KeptBias) = (null, null);
        }

        private static Tensor Copy(Tensor tensor) => tensor.detach().clone().DetachFromDisposeScope();

        private static void Put(Tensor into, Tensor kept, IEnumerable<Tensor> changes)
        {
            Tensor? sum = null;
            foreach (var change in changes)
                using (change)
                {
                    if (sum is null)
                    {
                        using var before = kept.to(change.dtype);
                        sum = before.Plus(change);
                    }
                    else sum.PlusInPlace(change);
                }
            into.copy_(sum ?? kept);
            sum?.Dispose();
        }

        private static Tensor? Moved(Tensor? kept, ScalarType? dtype, Device? device)
        {
            var moved = kept?.to(dtype ?? kept.dtype, device ?? kept.device).DetachFromDisposeScope();
            if (!ReferenceEquals(kept, moved)) kept?.Dispose();
            return moved;
        }
    }
}
