using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer with trainable parameters beside it that change what it gives: the base of the adapters of all methods.</summary>
/// <remarks>
/// It holds the user's own layer, not a copy, and answers for it: the state dict has the layer's parameters under their old names, then
/// the adapter's. The update is added by a forward hook on the layer itself, so it takes effect whether a
/// caller reaches the layer through this object or has kept a reference of its own. Disposing it disposes the layer.
/// On a projection of a layer in native code (<c>MultiheadAttention</c>, <c>TransformerEncoderLayer</c>, <c>TransformerEncoder</c>) <see cref="Base"/> is a linear layer on the
/// parameters of that layer, which goes on to answer for them: the adapter lists its own parameters only.
/// </remarks>
public abstract partial class AdapterLayer : nn.Module<Tensor, Tensor>
{
    private readonly (string Name, Parameter Value)[] _adapter;
    private readonly NativePart? _part; // of a layer in native code, which answers for the parameters itself
    private Stack _stack;
    private Func<string, bool>? _trains;
    private bool _detached;

    private protected AdapterLayer(string name, nn.Module<Tensor, Tensor> layer, params (string Name, Tensor Value)[] adapter) : base(name)
    {
        (Base, _part) = (layer, NativePart.Of(layer));
        // A parameter made inside a caller's dispose scope would die with it.
        _adapter = [.. adapter.Select(entry => (entry.Name, (Parameter)new Parameter(entry.Value).DetachFromDisposeScope()))];
        foreach (var (_, parameter) in layer.named_parameters()) parameter.requires_grad = false;
        _stack = new Stack(this);
        train(layer.training);
    }

    /// <summary>The layer that is adapted: the very object that was given.</summary>
    public nn.Module<Tensor, Tensor> Base { get; }

    /// <summary>True for a projection of a layer in native code, which answers for the parameters itself.</summary>
    internal bool IsPartOfNative => _part is not null;

    /// <summary>What the adapted layer is, e.g. <c>Linear</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>False leaves the update out, as if the layer were not adapted. The default is true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>False while other adapters of the model are in use; see <see cref="AdapterSet.Use"/>.</summary>
    internal bool InUse { get; set; } = true;

    /// <summary>True while the update is part of the layer's weight.</summary>
    public bool Merged { get; private set; }

    /// <summary>The name of the adapter that this is the layer's part of.</summary>
    internal string AdapterName { get; set; } = AdapterSet.DefaultName;

    /// <summary>True if the update has a part in a pass that runs now.</summary>
    internal bool TakesPart => Enabled && InUse && !Merged;

    /// <summary>True if the update is added in place and reads nothing of the output, so that others may be added to the same output.</summary>
    private protected virtual bool IsSum => false;

    /// <summary>Why the update cannot work beside others on the same layer; null where it can.</summary>
    internal virtual string? SharingObstacle => null;

    /// <summary>True once a pass has run through the layer; the check that no adapter is bypassed reads it.</summary>
    internal bool Reached { get; set; }

    /// <summary>The adapter's own parameters with their names below the layer's path.</summary>
    internal IReadOnlyList<(string Name, Parameter Value)> Adapter => _adapter;

    /// <summary>False for a parameter of the adapter that no gradient reaches.</summary>
    internal bool Trains(string parameter) => _trains is null || _trains(parameter);

    /// <summary>Says which of the adapter's own parameters are trained.</summary>
    private protected void TrainOnly(Func<string, bool> trains)
    {
        _trains = trains;
        foreach (var (name, parameter) in _adapter) parameter.requires_grad = trains(name);
    }

    /// <summary>Why the update cannot be merged into the weight; null where it can.</summary>
    internal virtual string? MergeObstacle => null;

    /// <summary>The weight that the update is added to.</summary>
    private protected abstract Parameter Weight { get; }

    /// <summary>The weight without the update, merged or not.</summary>
    private protected Tensor Original => _stack.Kept ?? Weight;

    /// <summary>The layer's bias; null if it has none.</summary>
    private protected Parameter? Bias => Base.get_parameter("bias");

    /// <summary>The bias without the update, merged or not.</summary>
    private protected Tensor? OriginalBias => _stack.KeptBias ?? Bias;

    /// <summary>Norms (Frobenius) of the update and of the weight without it.</summary>
    internal virtual (double Delta, double Weight) Norms()
    {
        using var none = no_grad();
        using var delta = ExactDelta();
        using var weight = Original.to(delta.dtype);
        return (Norm(delta), Norm(weight));
    }

    /// <summary>Norm (Frobenius) of a float32 or float64 tensor.</summary>
    private protected static double Norm(Tensor tensor)
    {
        using var squares = tensor.mul(tensor);
        using var sum = squares.sum();
        return Math.Sqrt(sum.dtype == ScalarType.Float32 ? sum.item<float>() : sum.item<double>());
    }

    /// <summary>Runs the layer with its update.</summary>
    /// <param name="input">What the layer takes.</param>
    /// <returns>What the layer gives, caller owns.</returns>
    public override Tensor forward(Tensor input) => _stack.Run(input);

    /// <summary>Change of the weight that the adapter stands for, of the weight's shape.</summary>
    /// <returns>A new tensor on the weight's device, float32 (float64 for a float64 layer), caller owns.</returns>
    public Tensor Delta()
    {
        using var none = no_grad();
        using var delta = ExactDelta();
        return delta.to(AdapterType(Weight));
    }

    /// <summary>Adds the update to the layer's weight, computed in float64 and rounded once, and keeps a copy of the weight as it was.</summary>
    /// <exception cref="LoraException">It is merged already.</exception>
    public void Merge()
    {
        if (MergeObstacle is { } obstacle) throw new LoraException(obstacle);
        if (Merged) throw new LoraException("The adapter is merged already; call Unmerge() before merging again.");
        _part?.DemandLinked();
        Merged = true;
        try
        {
            _stack.Merge();
        }
        catch
        {
            Unmerge();
            throw;
        }
    }

    /// <summary>Gives the layer its weight back, bit for bit, from the copy; the updates of other adapters that are merged stay in it.</summary>
    /// <exception cref="LoraException">It is not merged.</exception>
    public void Unmerge()
    {
        if (!Merged) throw new LoraException("The adapter is not merged; there is nothing to undo.");
        Merged = false;
        _stack.Merge();
    }

    /// <summary>How far the weight is from the exact sum of the weight as it was and the updates that are merged.</summary>
    internal (double Largest, double Lost) MergeError() => _stack.Error();

    /// <summary>Adds the update to what the layer gave.</summary>
    /// <param name="input">What the layer took.</param>
    /// <param name="output">What the layer gave; may be changed in place.</param>
    /// <returns>The sum; <paramref name="output"/> itself where it was changed in place.</returns>
    private protected abstract Tensor Update(Tensor input, Tensor output);

    /// <summary>The change of the weight in float64 (float32 on devices without it), caller owns.</summary>
    private protected abstract Tensor ExactDelta();

    /// <summary>The change of the bias, likewise; null if there is none.</summary>
    private protected virtual Tensor? ExactBiasDelta() => null;

    /// <summary>The type that merging computes in.</summary>
    private protected static ScalarType ExactType(Tensor weight) => weight.device_type == DeviceType.MPS ? ScalarType.Float32 : ScalarType.Float64;

    /// <summary>The type of an adapter: float32 beside a half-precision layer, so that small steps are not lost.</summary>
    private protected static ScalarType AdapterType(Tensor weight) => weight.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>Zeros of an adapter's type, beside the weight.</summary>
    private protected static Tensor Zeros(long[] shape, Tensor like) => zeros(shape, AdapterType(like), like.device);

    /// <summary>Gives the layer back as it was: weight, hooks, nothing of the adapter left. The adapter's parameters are disposed.</summary>
    internal void Detach()
    {
        if (_detached) return;
        if (Merged) Unmerge();
        Release();
    }

    /// <summary>As <see cref="Detach"/>, but the update stays in the weight if it was merged.</summary>
    internal void Release()
    {
        _detached = true;
        Dispose();
    }

    // What follows makes the pair one module in the eyes of the tree around it: the layer is no child, its names stay what they were.

    /// <inheritdoc/>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) =>
        _detached ? [] : (_part is null ? Base.named_parameters(recurse) : []).Concat(Answered.SelectMany(layer => layer._adapter.Select(entry => (layer.StateName(entry.Name), entry.Value))));

    /// <inheritdoc/>
    public override IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true) =>
        _detached ? [] : Base.named_buffers(recurse, include_nonpersistent);

    /// <inheritdoc/>
    public override bool has_parameter(string target) => get_parameter(target) is not null;

    /// <inheritdoc/>
    public override Parameter? get_parameter(string target) => named_parameters().FirstOrDefault(entry => entry.name == target).parameter;

    /// <inheritdoc/>
    public override bool has_buffer(string target) => Base.has_buffer(target);

    /// <inheritdoc/>
    public override Tensor? get_buffer(string target) => Base.get_buffer(target);

    /// <inheritdoc/>
    public override nn.Module apply(Action<nn.Module> fn)
    {
        ArgumentNullException.ThrowIfNull(fn);
        if (_part is null) Base.apply(fn);
        fn(this);
        return this;
    }

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        foreach (var layer in Answered)
            if (layer != this)
                layer.train(train);
        Base.train(train);
    }

    /// <inheritdoc/>
    protected override void RegisterComponents() { } // reflection would list the layer as a child, under a name of its own

    /// <inheritdoc/>
    protected override nn.Module _to(ScalarType dtype, bool non_blocking)
    {
        if (_part is null) Base.to(dtype, non_blocking);
        return Converted(dtype, null);
    }

    /// <inheritdoc/>
    protected override nn.Module _to(Device device, ScalarType dtype, bool non_blocking)
    {
        if (_part is null) Base.to(device, dtype, non_blocking);
        return Converted(dtype, device);
    }

    /// <inheritdoc/>
    protected override nn.Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
    {
        if (_part is null) Base.to(deviceType, deviceIndex, non_blocking);
        return Converted(null, new Device(deviceType, deviceIndex));
    }

    private AdapterLayer Converted(ScalarType? dtype, Device? device)
    {
        foreach (var layer in Answered)
        {
            foreach (ref var entry in layer._adapter.AsSpan())
            {
                if (!ReplaceParameter(dtype, device, entry.Value, out var moved)) continue;
                entry.Value.Dispose();
                entry.Value = moved!;
            }
            if (device is not null) (layer._deviceType, layer._deviceIndex) = (device.type, device.index);
        }
        _stack.Convert(dtype, device);
        return this;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            var behind = _detached ? [] : Answered.Where(layer => layer != this).ToList();
            if (!_detached && _part is null) Base.Dispose();
            _detached = true; // no parameter is listed from here on: the layer's own are not this module's to dispose
            _stack.Leave(this);
            foreach (var layer in behind) layer.Release();
            foreach (var (_, parameter) in _adapter) parameter.Dispose();
        }
        base.Dispose(disposing);
    }
}
