using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen linear layer plus an update in the form of a singular value decomposition: y = xWᵀ + b + s·x(E·A)ᵀBᵀ.</summary>
/// <remarks>
/// Zhang et al. 2023, §3.1, arXiv:2303.10512. E starts at zero, so the layer starts equal to the one it adapts. The state dict has PEFT's <c>lora_A</c> [r, in],
/// <c>lora_B</c> [out, r] and <c>lora_E</c> [r, 1]; a direction that has been cut has a zero in E.
/// </remarks>
public sealed class AdaLoraLinear : AdapterLayer
{
    private readonly Linear _linear;
    private readonly double _dropout, _scale;
    private readonly int _rank;
    private Tensor[]? _importance; // means of |value · gradient| for A, B, E, then of how far the last one was off

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="linear">The layer, [in] to [out]; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the layer can hold.</exception>
    public AdaLoraLinear(Linear linear, AdaLoraConfig config) : this(linear, config, null) { }

    internal AdaLoraLinear(Linear linear, AdaLoraConfig config, Generator? generator) : base(nameof(AdaLoraLinear), linear, Start(linear, config, generator)) =>
        (_linear, _dropout, _scale, _rank) = (linear, config.Dropout, config.Scale, config.InitialRank);

    /// <inheritdoc/>
    public override string Kind => nameof(Linear);

    /// <summary>The right singular vectors, [r, in]. Read them again after <c>to</c>, which replaces them.</summary>
    public Parameter A => Adapter[0].Value;

    /// <summary>The left singular vectors, [out, r]. Read them again after <c>to</c>, which replaces them.</summary>
    public Parameter B => Adapter[1].Value;

    /// <summary>The singular values, [r, 1]. Read them again after <c>to</c>, which replaces them.</summary>
    public Parameter E => Adapter[2].Value;

    /// <summary>Directions that have not been cut.</summary>
    public int ActiveRank => Kept?.Count(kept => kept) ?? _rank;

    /// <summary>Which directions the last cut has kept; null before the first.</summary>
    internal bool[]? Kept { get; private set; }

    private protected override bool IsSum => true;

    private protected override Parameter Weight => _linear.weight;

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        var drops = _dropout > 0 && training;
        using var dropped = drops ? DropoutMask.Apply(input, _dropout) : null;
        using Tensor a = A.to(input.dtype), b = B.to(input.dtype), e = E.to(input.dtype), values = e.view(-1);
        using var low = nn.functional.linear(dropped ?? input, a); // [..., r]
        using var weighed = low.mul(values);
        weighed.TimesInPlace(drops ? _scale / (1 - _dropout) : _scale);
        using var delta = nn.functional.linear(weighed, b); // [..., out]
        return output.PlusInPlace(delta);
    }

    private protected override Tensor ExactDelta()
    {
        using var none = no_grad();
        using Tensor a = A.to(ExactType(Weight)), b = B.to(a.dtype), e = E.to(a.dtype);
        using var weighed = a.mul(e);
        return b.mm(weighed).TimesInPlace(_scale);
    }

    /// <summary>Takes the gradients at hand into the running means of importance and its uncertainty.</summary>
    internal void UpdateImportance(double importanceSmoothing, double uncertaintySmoothing)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        for (var i = 0; i < 3; i++)
        {
            var parameter = Adapter[i].Value;
            if (parameter.grad is not { } gradient) continue; // stochastic depth has left the layer out
            var (mean, uncertainty) = (Importance(i), Importance(3 + i));
            var importance = parameter.mul(gradient).abs();
            mean.TimesInPlace(importanceSmoothing).PlusInPlace(importance, 1 - importanceSmoothing);
            var off = importance.Minus(mean).abs();
            uncertainty.TimesInPlace(uncertaintySmoothing).PlusInPlace(off, 1 - uncertaintySmoothing);
        }
    }

    /// <summary>How much each direction matters: that of its singular value, and the means of those of its vectors.</summary>
    /// <returns>One number a direction.</returns>
    internal double[] Scores()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        Tensor Of(int i) => Importance(i).mul(Importance(3 + i)).to(CPU).to(ScalarType.Float64);
        return Of(2).view(-1).Plus(Of(0).mean([1L])).Plus(Of(1).mean([0L])).data<double>().ToArray();
    }

    /// <summary>Cuts the directions that are not to be kept.</summary>
    internal void Keep(bool[] kept)
    {
        Kept = kept;
        using var none = no_grad();
        using Tensor mask = tensor(kept), shaped = mask.view(-1, 1), typed = shaped.to(E.dtype, E.device);
        E.mul_(typed);
    }

    /// <summary>The means that the next cut is decided by, for the checkpoint of a run: of importance and of uncertainty for A, B and E. Which directions are kept follows from them.</summary>
    internal IEnumerable<(string Name, Tensor Value)> ScheduleState()
    {
        for (var i = 0; i < 6; i++) yield return ($"{Adapter[i % 3].Name}.{(i < 3 ? "importance" : "uncertainty")}", Importance(i));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            foreach (var tensor in _importance ?? [])
                tensor.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Importance(int i)
    {
        _importance ??= [.. Enumerable.Range(0, 6).Select(j => zeros_like(Adapter[j % 3].Value, requires_grad: false).DetachFromDisposeScope())];
        var like = Adapter[i % 3].Value;
        if (_importance[i].dtype == like.dtype && _importance[i].device == like.device) return _importance[i];
        using var old = _importance[i];
        return _importance[i] = old.to(like.dtype, like.device, copy: true).DetachFromDisposeScope();
    }

    private static (string, Tensor)[] Start(Linear linear, AdaLoraConfig config, Generator? generator)
    {
        ArgumentNullException.ThrowIfNull(linear);
        ArgumentNullException.ThrowIfNull(config);
        if (config.Misfit(linear, "the layer") is { } misfit) throw new LoraException(misfit);
        using var own = generator is null ? new Generator(config.Seed) : null;
        var shapes = config.Shapes(linear);
        return [(shapes[0].Name, Normal(shapes[0].Shape)), (shapes[1].Name, Normal(shapes[1].Shape)), (shapes[2].Name, Zeros(shapes[2].Shape, linear.weight))];

        Tensor Normal(long[] shape)
        {
            using var values = empty(shape, AdapterType(linear.weight)).normal_(0, .02, generator ?? own!);
            return values.to(linear.weight.device, copy: true);
        }
    }
}
