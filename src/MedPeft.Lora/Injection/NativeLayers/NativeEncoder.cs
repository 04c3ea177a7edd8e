using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>TorchSharp's <c>TransformerEncoderLayer</c> or <c>TransformerEncoder</c>, opened: of each layer the parts <c>self_attn.in_proj</c>, <c>self_attn.out_proj</c>, <c>linear1</c> and <c>linear2</c>.</summary>
internal sealed class NativeEncoder : NativeLayer
{
    private readonly IReadOnlyList<EncoderOperations> _layers;

    public NativeEncoder(nn.Module host) : base(host)
    {
        var names = host.named_parameters(false).Select(entry => entry.name).ToHashSet();
        var count = Enumerable.Range(0, names.Count).TakeWhile(i => names.Any(name => name.StartsWith($"layers.{i}.", StringComparison.Ordinal))).Count();
        _layers = host is TransformerEncoderLayer ? [new EncoderOperations(this, "")] : [.. Enumerable.Range(0, count).Select(i => new EncoderOperations(this, $"layers.{i}."))];
        Parts = [.. _layers.SelectMany(layer => layer.Parts)];
        LastPrefix = host is TransformerEncoderLayer ? "" : $"layers.{count - 1}.";
    }

    public override IReadOnlyList<NativePart> Parts { get; }

    /// <summary>What the names of the last layer's parameters start with.</summary>
    public string LastPrefix { get; }

    /// <summary>Runs the layer in managed operations.</summary>
    /// <param name="run">Runs a projection, with its adapters or without.</param>
    /// <param name="source">[L, N, E].</param>
    /// <param name="settings">What is known of it.</param>
    /// <param name="mask">[L, L], added to the scores; or null.</param>
    /// <param name="padding">[N, L], true for what nothing attends to; or null.</param>
    /// <returns>[L, N, E], caller owns.</returns>
    public Tensor Compute(Func<Linear, Tensor, Tensor> run, Tensor source, NativeSettings settings, Tensor? mask = null, Tensor? padding = null)
    {
        using var scope = NewDisposeScope();
        var training = Host.training;
        var x = source.transpose(0, 1);
        foreach (var layer in _layers)
        {
            var before = x;
            x = layer.Run(run, before, settings, training, mask, padding);
            before.Dispose(); // what a backward pass needs of it, it holds by itself
        }
        return x.transpose(0, 1).contiguous().MoveToOuterDisposeScope();
    }

    public override Tensor Native(Tensor tokens, Tensor? mask) =>
        Host is TransformerEncoderLayer layer ? mask is null ? layer.forward(tokens) : layer.call(tokens, mask) : ((TransformerEncoder)Host).forward(tokens, mask, null);

    private protected override Action Hook()
    {
        if (Host is TransformerEncoderLayer layer)
        {
            var beforeLayer = layer.register_forward_pre_hook((_, source) => Before(source, null, null) ?? source);
            var afterLayer = layer.register_forward_hook((_, source, output) => After(source, null, null, output));
            return () =>
            {
                beforeLayer.remove();
                afterLayer.remove();
            };
        }
        var encoder = (TransformerEncoder)Host;
        var before = encoder.register_forward_pre_hook((_, source, mask, padding) => Before(source, mask, padding) is { } token ? (token, null, null) : null);
        var after = encoder.register_forward_hook((_, source, mask, padding, output) => After(source, mask, padding, output));
        return () =>
        {
            before.remove();
            after.remove();
        };
    }

    private Tensor? Before(Tensor source, Tensor? mask, Tensor? padding) =>
        Reach() && IsAlone && source.dim() == 3 && mask is null or { ndim: <= 2 } ? Token(source, Compute(WithAdapters, source, Settings, mask, padding)) : null;

    private Tensor After(Tensor source, Tensor? mask, Tensor? padding, Tensor output)
    {
        if (!Take<Tensor>(source, out var result))
        {
            if (!Reach()) return output;
            result = Compute(WithAdapters, source, Settings, mask, padding);
        }
        output.Dispose();
        return result;
    }

    private static Tensor WithAdapters(Linear part, Tensor x) => part.call(x);
}
