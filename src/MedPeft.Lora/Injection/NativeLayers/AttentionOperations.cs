using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>Multi-head attention in managed operations, equal to libtorch's <c>multi_head_attention_forward</c>, but with the batch first.</summary>
/// <param name="input">Makes queries, keys and values, [E] to [3·E].</param>
/// <param name="output">The projection behind the heads.</param>
internal sealed class AttentionOperations(Linear input, Linear output)
{
    /// <summary>Attends. The temporaries are the caller's scope's.</summary>
    /// <param name="run">Runs a projection, with its adapters or without.</param>
    /// <param name="query">[N, L, E].</param>
    /// <param name="key">[N, S, E]; where it is the same object as another, it is projected once.</param>
    /// <param name="value">[N, S, E], likewise.</param>
    /// <param name="heads">How many heads.</param>
    /// <param name="dropout">Probability by which attention weights are zeroed; 0 in evaluation.</param>
    /// <param name="mask">[L, S] or what broadcasts to it, added to the scores whatever its type, as libtorch does; or null.</param>
    /// <param name="padding">[N, S], true for keys that nothing attends to; or null.</param>
    /// <param name="needsWeights">True to give the weights too.</param>
    /// <returns>[N, L, E], and the weights' mean over the heads, [N, L, S], or null.</returns>
    public (Tensor Output, Tensor? Weights) Run(Func<Linear, Tensor, Tensor> run, Tensor query, Tensor key, Tensor value, long heads, double dropout, Tensor? mask, Tensor? padding, bool needsWeights)
    {
        var (N, L, S, E) = (query.shape[0], query.shape[1], key.shape[1], query.shape[2]);
        var D = E / heads;
        var ofQuery = run(input, query); // [N, L, 3·E]
        var ofKey = ReferenceEquals(key, query) ? ofQuery : run(input, key);
        var ofValue = ReferenceEquals(value, query) ? ofQuery : ReferenceEquals(value, key) ? ofKey : run(input, value);
        Tensor Heads(Tensor fused, int block) => fused.narrow(-1, block * E, E).view(N, -1, heads, D).transpose(1, 2); // [N, H, ., D]
        Tensor q = Heads(ofQuery, 0), k = Heads(ofKey, 1), v = Heads(ofValue, 2);

        Tensor? weights = null;
        Tensor mixed; // [N, H, L, D]
        if (mask is null && padding is null && !needsWeights) mixed = nn.functional.scaled_dot_product_attention(q, k, v, p: dropout);
        else
        {
            var scores = Flat(q).Times(1 / Math.Sqrt(D)).bmm(Flat(k).transpose(1, 2)).view(N, heads, L, S);
            if (mask is not null) scores.PlusInPlace(mask);
            if (padding is not null)
            {
                using Scalar nothing = double.NegativeInfinity.ToScalar();
                scores = scores.masked_fill(padding.view(N, 1, 1, S), nothing);
                GC.KeepAlive(nothing);
            }
            weights = scores.softmax(-1);
            if (dropout > 0) weights = nn.functional.dropout(weights, dropout, training: true);
            mixed = Flat(weights).bmm(Flat(v)).view(N, heads, L, D);
        }
        return (run(output, mixed.transpose(1, 2).reshape(N, L, E)), needsWeights ? weights!.mean([1]) : null);

        static Tensor Flat(Tensor x) => x.reshape(-1, x.shape[2], x.shape[3]); // [N·H, ., .]
    }
}
