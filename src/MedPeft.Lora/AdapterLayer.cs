using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer with trainable parameters beside it that change what it gives: the base of the adapters of all methods.</summary>
/// <remarks>
/// It holds the user's own layer, not a copy, and answers for it: the state dict has the layer's parameters under their old names, then
/// the adapter's. The update is added by a forward hook on the layer itself, so it takes effect whether a
/// caller reaches the layer through this object or has kept a reference of its own. Disposing it disposes the layer.
/// </remarks>
public abstract class AdapterLayer : nn.Module<Tensor, Tensor>
{
    private readonly (string Name, Parameter Value)[] _adapter;
    private readonly Action _unhook;
    private Func<string, bool>? _trains;
    private Tensor? _kept, _keptBias;
    private bool _detached;

    private protected AdapterLayer(string name, nn.Module<Tensor, Tensor> layer, params (string Name, Tensor Value)[] adapter) : base(name)
    {
        Base = layer;
        // A parameter made inside a caller's dispose scope would die with it.
        _adapter = [.. adapter.Select(entry => (entry.Name, (Parameter)new Parameter(entry.Value).DetachFromDisposeScope()))];
        foreach (var (_, parameter) in layer.named_parameters()) parameter.requires_grad = false;
        train(layer.training);
        _unhook = layer.register_forward_hook((_, input, output) => Adapt(input, output)).remove;
    }

    /// <summary>The layer that is adapted: the very object that was given.</summary>
    public nn.Module<Tensor, Tensor> Base { get; }

    /// <summary>What the adapted layer is, e.g. <c>Linear</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>False leaves the update out, as if the layer were not adapted. The default is true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>True while the update is part of the layer's weight.</summary>
    public bool Merged => _kept is not null;

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
    private protected Tensor Original => _kept ?? Weight;

    /// <summary>The layer's bias; null if it has none.</summary>
    private protected Parameter? Bias => Base.get_parameter("bias");

    /// <summary>The bias without the update, merged or not.</summary>
    private protected Tensor? OriginalBias => _keptBias ?? Bias;

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
    public override Tensor forward(Tensor input) => Base.call(input); // the hook on Base adds the update

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
        using var none = no_grad();
        using var delta = ExactDelta();
        using var biasDelta = ExactBiasDelta();
        _kept = Changed(Weight, delta);
        if (biasDelta is not null) _keptBias = Changed(Bias!, biasDelta);
    }

    private static Tensor Changed(Parameter parameter, Tensor delta)
    {
        using var before = parameter.to(delta.dtype);
        using var after = before.Plus(delta);
        var kept = parameter.detach().clone().DetachFromDisposeScope();
        parameter.copy_(after);
        return kept;
    }

    /// <summary>Gives the layer its weight back, bit for bit, from the copy.</summary>
    /// <exception cref="LoraException">It is not merged.</exception>
    public void Unmerge()
    {
        if (_kept is null) throw new LoraException("The adapter is not merged; there is nothing to undo.");
        using var none = no_grad();
        Weight.copy_(_kept);
        if (_keptBias is not null) Bias!.copy_(_keptBias);
        _kept.Dispose();
        _keptBias?.Dispose();
        _kept = _keptBias = null;
    }

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

    private Tensor Adapt(Tensor input, Tensor output)
    {
        Reached = true;
        return Enabled && !Merged ? Update(input, output) : output;
    }

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
        _detached ? [] : Base.named_parameters(recurse).Concat(_adapter.Select(entry => (entry.Name, entry.Value)));

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
        Base.apply(fn);
        fn(this);
        return this;
    }

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        Base.train(train);
    }

    /// <inheritdoc/>
    protected override void RegisterComponents() { } // reflection would list the layer as a child, under a name of its own

    /// <inheritdoc/>
    protected override nn.Module _to(ScalarType dtype, bool non_blocking)
    {
        Base.to(dtype, non_blocking);
        return Converted(dtype, null);
    }

    /// <inheritdoc/>
    protected override nn.Module _to(Device device, ScalarType dtype, bool non_blocking)
    {
        Base.to(device, dtype, non_blocking);
        return Converted(dtype, device);
    }

    /// <inheritdoc/>
    protected override nn.Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
    {
        Base.to(deviceType, deviceIndex, non_blocking);
        return Converted(null, new Device(deviceType, deviceIndex));
    }

    private AdapterLayer Converted(ScalarType? dtype, Device? device)
    {
        foreach (ref var entry in _adapter.AsSpan())
        {
            if (!ReplaceParameter(dtype, device, entry.Value, out var moved)) continue;
            entry.Value.Dispose();
            entry.Value = moved!;
        }
        _kept = Moved(_kept);
        _keptBias = Moved(_keptBias);
        if (device is not null) (_deviceType, _deviceIndex) = (device.type, device.index);
        return this;

        Tensor? Moved(Tensor? kept)
        {
            var moved = kept?.to(dtype ?? kept.dtype, device ?? kept.device).DetachFromDisposeScope();
            if (!ReferenceEquals(kept, moved)) kept?.Dispose();
            return moved;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (!_detached) Base.Dispose();
            _detached = true; // no parameter is listed from here on: the layer's own are not this module's to dispose
            _unhook();
            _kept?.Dispose();
            _keptBias?.Dispose();
            foreach (var (_, parameter) in _adapter) parameter.Dispose();
        }
        base.Dispose(disposing);
    }
}
