using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>TorchSharp's <c>MultiheadAttention</c>, opened: parts <c>in_proj</c>, which makes queries, keys and values, and <c>out_proj</c>.</summary>
internal sealed class NativeAttention : NativeLayer
{
    private readonly MultiheadAttention _attention;
    private readonly AttentionOperations _operations;

    public NativeAttention(MultiheadAttention attention) : base(attention)
    {
        _attention = attention;
        Parts = [new NativePart(this, Input, '_'), new NativePart(this, Output, '.')];
        _operations = new AttentionOperations(Parts[0].Linear, Parts[1].Linear);
    }

    public override IReadOnlyList<NativePart> Parts { get; }

    /// <summary>Parameters of a kind of attention that is not computed here: <c>q_proj_weight</c> of kdim and vdim, <c>bias_k</c> of add_bias_kv.</summary>
    public static IEnumerable<string> Unknown(MultiheadAttention attention) => attention.named_parameters(false).Select(entry => entry.name)
        .Where(name => name is not ($"{Input}_weight" or $"{Input}_bias" or $"{Output}.weight" or $"{Output}.bias"));

    public override Tensor Native(Tensor tokens, Tensor? mask) => _attention.forward(tokens, tokens, tokens, null, false, mask).Item1;

    private protected override Action Hook()
    {
        var before = _attention.register_forward_pre_hook((_, query, key, value, padding, needsWeights, mask) =>
        {
            if (!Reach() || !IsAlone || !Fits(query, key, value, mask)) return null;
            var token = Token(query, Compute(query, key, value, padding, needsWeights, mask));
            return (token, token, token, null, needsWeights, null);
        });
        var after = _attention.register_forward_hook((_, query, key, value, padding, needsWeights, mask, output) =>
        {
            if (!Take<Tuple<Tensor, Tensor?>>(query, out var result))
            {
                if (!Reach()) return output;
                result = Compute(query, key, value, padding, needsWeights, mask);
            }
            output.Item1.Dispose();
            if (result.Item2 is null) return Tuple.Create(result.Item1, output.Item2); // no tensor there either
            output.Item2.Dispose();
            return Tuple.Create(result.Item1, result.Item2);
        });
        return () =>
        {
            before.remove();
            after.remove();
        };
    }

    // What does not is left to the native code, which says why.
    private static bool Fits(Tensor query, Tensor key, Tensor value, Tensor? mask) =>
        query.dim() == 3 && key.dim() == 3 && key.shape[1] == query.shape[1] && key.shape.SequenceEqual(value.shape) && mask is null or { ndim: <= 2 };

    private Tuple<Tensor, Tensor?> Compute(Tensor query, Tensor key, Tensor value, Tensor? padding, bool needsWeights, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var first = BatchFirst(query);
        var second = ReferenceEquals(key, query) ? first : BatchFirst(key);
        var third = ReferenceEquals(value, query) ? first : ReferenceEquals(value, key) ? second : BatchFirst(value);
        var dropout = _attention.training ? Settings.Dropout : 0;
        var (output, weights) = _operations.Run(static (part, x) => part.call(x), first, second, third, Settings.Heads, dropout, mask, padding, needsWeights);
        return Tuple.Create(BatchFirst(output).contiguous().MoveToOuterDisposeScope(), weights?.MoveToOuterDisposeScope());

        static Tensor BatchFirst(Tensor x) => x.transpose(0, 1);
    }
}
