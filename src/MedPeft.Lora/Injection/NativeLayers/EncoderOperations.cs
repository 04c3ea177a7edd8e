using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>An encoder layer in managed operations, equal to libtorch's <c>TransformerEncoderLayer</c>, but with the batch first.</summary>
/// <remarks>Vaswani et al. 2017, §3.1, arXiv:1706.03762, normalised behind each sum: y = n₁(x + attention(x)), z = n₂(y + W₂·f(W₁·y + b₁) + b₂), each term dropped out in training.</remarks>
internal sealed class EncoderOperations
{
    private const double Epsilon = 1e-5; // libtorch's default, which its options of an encoder layer cannot change

    private readonly NativeLayer _layer;
    private readonly AttentionOperations _attention;
    private readonly Linear _linear1, _linear2;
    private readonly string _prefix;

    /// <param name="layer">The layer that the parameters are of.</param>
    /// <param name="prefix">What their names start with: nothing, or <c>layers.3.</c>.</param>
    public EncoderOperations(NativeLayer layer, string prefix)
    {
        (_layer, _prefix) = (layer, prefix);
        Parts =
        [
            new NativePart(layer, $"{prefix}self_attn.{NativeLayer.Input}", '_'), new NativePart(layer, $"{prefix}self_attn.{NativeLayer.Output}", '.'),
            new NativePart(layer, $"{prefix}linear1", '.'), new NativePart(layer, $"{prefix}linear2", '.'),
        ];
        (_attention, _linear1, _linear2) = (new AttentionOperations(Parts[0].Linear, Parts[1].Linear), Parts[2].Linear, Parts[3].Linear);
    }

    public IReadOnlyList<NativePart> Parts { get; }

    /// <summary>Runs the layer.</summary>
    /// <param name="run">Runs a projection, with its adapters or without.</param>
    /// <param name="input">[N, L, E].</param>
    /// <param name="settings">Heads, activation and, used in training only, dropout.</param>
    /// <param name="training">True to drop out.</param>
    /// <param name="mask">As <see cref="AttentionOperations.Run"/> takes it.</param>
    /// <param name="padding">Likewise.</param>
    /// <returns>[N, L, E], caller owns.</returns>
    public Tensor Run(Func<Linear, Tensor, Tensor> run, Tensor input, NativeSettings settings, bool training, Tensor? mask, Tensor? padding)
    {
        using var scope = NewDisposeScope();
        var dropout = training ? settings.Dropout : 0;
        Tensor Dropped(Tensor x) => dropout > 0 ? nn.functional.dropout(x, dropout, training: true) : x;

        var (attended, _) = _attention.Run(run, input, input, input, settings.Heads, dropout, mask, padding, needsWeights: false);
        var x = Normalized("norm1", input.Plus(Dropped(attended)));
        var hidden = run(_linear1, x);
        var expanded = Dropped(settings.IsGelu ? nn.functional.gelu(hidden) : nn.functional.relu(hidden));
        return Normalized("norm2", x.Plus(Dropped(run(_linear2, expanded)))).MoveToOuterDisposeScope();
    }

    private Tensor Normalized(string name, Tensor x) =>
        nn.functional.layer_norm(x, [x.shape[^1]], _layer.Parameter($"{_prefix}{name}.weight"), _layer.Parameter($"{_prefix}{name}.bias"), Epsilon);
}
