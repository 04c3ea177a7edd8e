using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// Parameters that are stepped as one tensor: a single large one, or all small ones of a group, laid out in one buffer that they become views of.
/// An adapter is a hundred small tensors; stepping them one by one would take ten times as long as the arithmetic.
/// </summary>
internal sealed class ParameterUnit : IDisposable
{
    // Beyond this, the calls cost nothing beside the arithmetic, and a second copy would only take memory.
    private const long Small = 1 << 18;

    private readonly IReadOnlyList<(string Name, Parameter Parameter, long Start, long Length)> _members;
    private readonly Tensor? _flat;
    private readonly List<Tensor?> _single = [];
    private Tensor? _gradient;

    private ParameterUnit(IReadOnlyList<(string Name, Parameter Parameter)> members, double scale, double weightDecay)
    {
        (Scale, WeightDecay) = (scale, weightDecay);
        var (placed, start) = (new List<(string, Parameter, long, long)>(), 0L);
        foreach (var (name, parameter) in members)
        {
            placed.Add((name, parameter, start, parameter.numel()));
            start += parameter.numel();
        }

        _members = placed;
        if (members.Count > 1) _flat = Pack();
    }

    /// <summary>Factor on the learning rate.</summary>
    public double Scale { get; }

    /// <summary>Weight decay.</summary>
    public double WeightDecay { get; }

    /// <summary>All values: the buffer, or the parameter itself.</summary>
    public Tensor Values => _flat ?? _members[0].Parameter;

    /// <summary>Names of the parameters in it.</summary>
    public IEnumerable<string> Names => _members.Select(member => member.Name);

    /// <summary>Cuts a group into units.</summary>
    public static IEnumerable<ParameterUnit> Of(ParameterGroup group)
    {
        var small = group.Parameters.Where(entry => entry.Parameter.numel() <= Small && entry.Parameter.is_contiguous()).ToList();
        foreach (var alike in small.GroupBy(entry => (entry.Parameter.dtype, entry.Parameter.device_type, entry.Parameter.device_index)))
            yield return new ParameterUnit([.. alike], group.Scale, group.WeightDecay);
        var packed = small.Select(entry => entry.Name).ToHashSet(); // by name: comparing tensors compares their values
        foreach (var entry in group.Parameters.Where(entry => !packed.Contains(entry.Name))) yield return new ParameterUnit([entry], group.Scale, group.WeightDecay);
    }

    /// <summary>Whether values and gradients taken up are numbers that can be worked on where they lie.</summary>
    public bool IsFlat { get; private set; }

    /// <summary>Takes up the gradients of the pass, as tensors that may be changed.</summary>
    /// <param name="flat">Whether to work on them where they lie, if they lie so.</param>
    public void Gather(bool flat)
    {
        ClearGathered();
        foreach (var member in _members) _single.Add(member.Parameter.grad);
        IsFlat = flat && FlatFloats.Are(Values) && _single.TrueForAll(gradient => gradient is null || FlatFloats.Are(gradient));
        if (IsFlat || _flat is null || _single.Contains(null)) return;
        using var scope = NewDisposeScope();
        _gradient = cat([.. _single.Select(gradient => gradient!.reshape(-1))], 0).MoveToOuterDisposeScope();
        foreach (var gradient in _single) gradient!.Dispose();
        _single.Clear();
    }

    /// <summary>Sum of the squares of the gradients taken up, in float64; parameters that the pass did not reach have none.</summary>
    public unsafe double SquaredNorm()
    {
        var squares = 0.0;
        foreach (var gradient in Gradients)
        {
            if (IsFlat)
            {
                squares += FlatFloats.SumOfSquares(FlatFloats.Of(gradient), (int)gradient.numel());
                continue;
            }

            using var product = gradient.mul(gradient);
            using var sum = product.sum(ScalarType.Float64);
            squares += sum.item<double>();
        }

        return squares;
    }

    /// <summary>Multiplies the gradients taken up.</summary>
    public unsafe void ScaleGradient(double factor)
    {
        foreach (var gradient in Gradients)
        {
            if (IsFlat) FlatFloats.Multiply(FlatFloats.Of(gradient), (int)gradient.numel(), (float)factor);
            else gradient.TimesInPlace(factor);
        }
    }

    /// <summary>Writes the gathered gradient back to the parameters; single ones were never copied.</summary>
    public void GiveBack()
    {
        if (_gradient is null) return;
        using var scope = NewDisposeScope();
        for (var i = 0; i < _members.Count; i++) _members[i].Parameter.grad!.copy_(Slice(_gradient, i));
    }

    /// <summary>Calls a rule for each parameter that has a gradient; for flat units.</summary>
    public unsafe void Apply(IReadOnlyList<Tensor> state, Action<FlatStep> rule)
    {
        var values = FlatFloats.Of(Values);
        var first = state.Count > 0 ? FlatFloats.Of(state[0]) : null;
        var second = state.Count > 1 ? FlatFloats.Of(state[1]) : null;
        for (var i = 0; i < _single.Count; i++)
        {
            if (_single[i] is not { } gradient) continue;
            var start = _members[i].Start;
            rule(new FlatStep(values + start, FlatFloats.Of(gradient), first is null ? null : first + start, second is null ? null : second + start, (int)_members[i].Length));
        }
    }

    /// <summary>Calls a rule with values, gradient and state: once for the whole unit, or for each parameter that has a gradient.</summary>
    public void Apply(IReadOnlyList<Tensor> state, Action<Tensor, Tensor, IReadOnlyList<Tensor>> rule)
    {
        using var scope = NewDisposeScope();
        if (_gradient is not null)
        {
            rule(Values, _gradient, state);
            return;
        }

        for (var i = 0; i < _single.Count; i++)
            if (_single[i] is { } gradient) rule(_members[i].Parameter, gradient, [.. state.Select(whole => Slice(whole, i))]);
    }

    /// <summary>A tensor of the unit's size cut into one view for each parameter, of its shape; caller owns them.</summary>
    public IEnumerable<(string Name, Tensor View)> Cut(Tensor whole) => _members.Select((member, i) => (member.Name, Slice(whole, i)));

    public void ClearGathered()
    {
        foreach (var gradient in _single) gradient?.Dispose();
        _single.Clear();
        _gradient?.Dispose();
        _gradient = null;
    }

    public void ClearGradients()
    {
        foreach (var member in _members) member.Parameter.grad = null;
    }

    /// <summary>Lets go of the buffer; the parameters keep it alive for as long as they need it.</summary>
    public void Dispose()
    {
        ClearGathered();
        _flat?.Dispose();
    }

    private IEnumerable<Tensor> Gradients => _gradient is not null ? [_gradient] : _single.OfType<Tensor>();

    private Tensor Slice(Tensor whole, int member)
    {
        var (_, parameter, start, length) = _members[member];
        if (_flat is null) return whole.alias();
        using var part = whole.narrow(0, start, length);
        return part.view(parameter.shape);
    }

    private Tensor Pack()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var flat = cat([.. _members.Select(member => member.Parameter.reshape(-1))], 0).DetachFromDisposeScope();
        foreach (var (_, parameter, start, length) in _members) parameter.set_(flat.narrow(0, start, length).view(parameter.shape));
        return flat;
    }
}
