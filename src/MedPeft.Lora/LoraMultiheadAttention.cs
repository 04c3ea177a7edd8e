using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>TorchSharp's own multi-head attention plus a trainable low-rank update of its input projection, which makes queries, keys and values.</summary>
/// <remarks>
/// The attention runs in native code, where no hook reaches the projection. So a hook on the attention computes it anew, in operations that carry
/// gradients, from the same inputs, and gives that in the place of the native output: <b>the attention costs twice its time</b> while the update takes part; merged or
/// disabled, the native output stands. Where query, key and value are not the same tensor, the whole projection is run for each.
/// The output projection (<c>out_proj</c>) is not adapted. Shapes are those of the layer: [L, N, E], the sequence first. It must be run by <c>call</c>.
/// With <see cref="LoraConfig.Blocks"/> queries, keys and values have updates of their own, as in <see cref="LoraLinear"/>. One adapter can be in use on it at a time.
/// </remarks>
public sealed class LoraMultiheadAttention : LoraProjection
{
    private readonly NativeAttention _native;

    /// <summary>Adapts an attention and freezes its parameters.</summary>
    /// <param name="attention">The attention; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout, blocks, variant and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">
    /// The rank is above what the layer can hold; it was made with kdim, vdim, add_bias_kv or add_zero_attn; or <see cref="AdapterConfig.Bias"/> or Eva is set.
    /// </exception>
    public LoraMultiheadAttention(MultiheadAttention attention, LoraConfig config) : this(attention, config, null) { }

    internal LoraMultiheadAttention(MultiheadAttention attention, LoraConfig config, Generator? generator)
        : base(nameof(LoraMultiheadAttention), attention, Checked(attention, config), config, generator) => _native = NativeAttention.Read(attention);

    /// <inheritdoc/>
    public override string Kind => nameof(MultiheadAttention);

    internal override string WeightName => NativeAttention.Weight;

    internal override string? SharingObstacle =>
        "Adapters on a MultiheadAttention, whose batch is not its first dimension, cannot work together or on samples of their own. Use one at a time.";

    /// <summary>What is wrong with adapting this layer so; null if nothing is.</summary>
    internal static string? Misfit(MultiheadAttention attention, LoraConfig config, string name)
    {
        const string advice = "Build the attention of Linear layers, or leave it out of Targets.";
        if (NativeAttention.Unknown(attention) is { Count: > 0 } unknown)
            return $"{name} is a MultiheadAttention with {string.Join(", ", unknown)}, that is, of kdim, vdim or add_bias_kv, which cannot be adapted. {advice}";
        if (config.Bias != LoraBias.None) return $"{name} is a MultiheadAttention, whose biases cannot be trained by Bias {config.Bias}. Set it to None and name {NativeAttention.Bias} in Trainable.";
        if (config.Initialization == LoraInitialization.Eva) return $"{name} is a MultiheadAttention: Initialization Eva fits Linear layers only. Leave it out of Targets, or take another Initialization.";
        if (Misfit(NativeAttention.Projection(attention), config, name) is { } misfit) return misfit;
        var native = NativeAttention.Read(attention);
        if (native.HasZero) return $"{name} is a MultiheadAttention with add_zero_attn, which cannot be adapted. {advice}";
        return native.Dropout > 0 && attention.get_parameter(NativeAttention.Weight)!.dtype is not (ScalarType.Float32 or ScalarType.Float64)
            ? $"{name} is a MultiheadAttention with dropout in half precision, too coarse to read its rate from. Adapt it before it is converted."
            : null;
    }

    /// <summary>Runs the layer as self-attention, with its update.</summary>
    /// <param name="input">Query, key and value, [L, N, E].</param>
    /// <returns>[L, N, E], caller owns.</returns>
    public override Tensor forward(Tensor input) => ((MultiheadAttention)Base).call(input, input, input, need_weights: false).Item1;

    private protected override Action Hook(Func<Tensor, Tensor, Tensor> adapt) =>
        ((MultiheadAttention)Base).register_forward_hook((_, query, key, value, padding, needsWeights, mask, output) =>
        {
            if (!Reach()) return output;
            var (attended, weights) = Attend(adapt, query, key, value, padding, mask, needsWeights);
            output.Item1.Dispose();
            if (needsWeights) output.Item2.Dispose();
            return Tuple.Create(attended, weights ?? output.Item2);
        }).remove;

    private (Tensor Output, Tensor? Weights) Attend(Func<Tensor, Tensor, Tensor> adapt, Tensor query, Tensor key, Tensor value, Tensor? padding, Tensor? mask, bool needsWeights)
    {
        using var scope = NewDisposeScope();
        var (L, S, N, E) = (query.shape[0], key.shape[0], query.shape[1], query.shape[2]);
        var heads = _native.Heads;
        Tensor weight = Base.get_parameter(NativeAttention.Weight)!, outputWeight = Base.get_parameter(NativeAttention.OutputWeight)!;
        Tensor? bias = Base.get_parameter(NativeAttention.Bias), outputBias = Base.get_parameter(NativeAttention.OutputBias);

        Tensor Project(Tensor input) => adapt(input, nn.functional.linear(input, weight, bias)); // [., N, 3·E]
        Tensor Heads(Tensor fused, int block) => fused.narrow(-1, block * E, E).reshape(fused.shape[0], N * heads, E / heads).transpose(0, 1); // [N·H, ., D]

        var ofQuery = Project(query);
        var ofKey = ReferenceEquals(key, query) ? ofQuery : Project(key);
        var ofValue = ReferenceEquals(value, query) ? ofQuery : ReferenceEquals(value, key) ? ofKey : Project(value);
        Tensor q = Heads(ofQuery, 0).Times(1 / Math.Sqrt(E / (double)heads)), k = Heads(ofKey, 1), v = Heads(ofValue, 2);

        var scores = bmm(q, k.transpose(1, 2)); // [N·H, L, S]
        if (mask is not null) scores.PlusInPlace(mask); // as the native code does: of whatever type, it is added
        if (padding is not null)
        {
            var hidden = padding.to(ScalarType.Bool).view(N, 1, 1, S).expand(N, heads, L, S).reshape(N * heads, L, S);
            using Scalar nothing = double.NegativeInfinity.ToScalar();
            scores = scores.masked_fill(hidden, nothing);
            GC.KeepAlive(nothing);
        }
        var attention = scores.softmax(-1);
        if (Base.training && _native.Dropout > 0) attention = nn.functional.dropout(attention, _native.Dropout, training: true);
        var mixed = bmm(attention, v).transpose(0, 1).reshape(L, N, E);
        var output = nn.functional.linear(mixed, outputWeight, outputBias).MoveToOuterDisposeScope();
        return (output, needsWeights ? attention.view(N, heads, L, S).mean([1]).MoveToOuterDisposeScope() : null);
    }

    private static Linear Checked(MultiheadAttention attention, LoraConfig config)
    {
        ArgumentNullException.ThrowIfNull(attention);
        ArgumentNullException.ThrowIfNull(config);
        if (Misfit(attention, config, "the layer") is { } misfit) throw new LoraException(misfit);
        return NativeAttention.Projection(attention);
    }
}
