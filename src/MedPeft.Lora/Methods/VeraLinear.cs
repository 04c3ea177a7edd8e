using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen linear layer plus an update of shared random factors between two trained vectors: y = Wx + c + b · B(d · Ax).</summary>
/// <remarks>
/// Kopiczko et al. 2024, §3, arXiv:2310.11454. b starts at zero, so the layer starts equal to the one it adapts. The state dict has PEFT's
/// <c>vera_lambda_b</c>, [out], and <c>vera_lambda_d</c>, [r].
/// </remarks>
public sealed class VeraLinear : AdapterLayer
{
    /// <summary>Names of the vectors.</summary>
    internal const string NameB = "vera_lambda_b", NameD = "vera_lambda_d";

    private readonly Linear _linear;
    private readonly VeraProjections _projections;
    private readonly double _dropout;

    /// <summary>Adapts a layer, with factors of its own, and freezes its parameters.</summary>
    /// <param name="linear">The layer, [in] to [out]; kept, not copied.</param>
    /// <param name="config">Rank, first value of d, dropout and seed; the names in it are not used.</param>
    public VeraLinear(Linear linear, VeraConfig config) : this(linear, config, null) { }

    internal VeraLinear(Linear linear, VeraConfig config, VeraProjections? shared) : base(nameof(VeraLinear), linear, Start(linear, config)) =>
        (_linear, _dropout, _projections) = (linear, config.Dropout, shared?.Shared() ?? new VeraProjections(config.Seed, config.Rank, linear.weight.shape[1], linear.weight.shape[0]));

    /// <inheritdoc/>
    public override string Kind => nameof(Linear);

    /// <summary>The vector b on the outputs, [out]. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter B => Adapter[0].Value;

    /// <summary>The vector d on the directions, [r]. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter D => Adapter[1].Value;

    private protected override bool IsSum => true;

    /// <summary>The factors that it shares.</summary>
    internal VeraProjections Shared => _projections;

    private protected override Parameter Weight => _linear.weight;

    /// <summary>The shared factors as this layer sees them: A [r, in] and B [out, r], caller owns.</summary>
    internal (Tensor A, Tensor B) Projections(ScalarType type) => _projections.Sliced(Weight.shape[1], Weight.shape[0], type, Weight.device);

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        var drops = _dropout > 0 && training;
        using var dropped = drops ? DropoutMask.Apply(input, _dropout) : null;
        var (a, b) = Projections(input.dtype);
        using (a)
        using (b)
        {
            using Tensor onDirections = D.to(input.dtype), onOutputs = B.to(input.dtype);
            using var low = nn.functional.linear(dropped ?? input, a); // [..., r]
            using var weighed = low.mul(onDirections);
            if (drops) weighed.TimesInPlace(1 / (1 - _dropout));
            using var high = nn.functional.linear(weighed, b); // [..., out]
            using var delta = high.mul(onOutputs);
            return output.PlusInPlace(delta);
        }
    }

    private protected override Tensor ExactDelta()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (a, b) = Projections(ExactType(Weight));
        var weighed = b.mul(D.to(b.dtype)); // [out, r]
        return weighed.mm(a).mul(B.to(b.dtype).unsqueeze(1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _projections.Dispose();
        base.Dispose(disposing);
    }

    private static (string, Tensor)[] Start(Linear linear, VeraConfig config)
    {
        ArgumentNullException.ThrowIfNull(linear);
        ArgumentNullException.ThrowIfNull(config);
        using var one = ones([config.Rank], AdapterType(linear.weight), linear.weight.device);
        return [(NameB, Zeros([linear.weight.shape[0]], linear.weight)), (NameD, one.Times(config.InitialD))];
    }
}
