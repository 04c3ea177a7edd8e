using System.Runtime.InteropServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>What a <c>MultiheadAttention</c> of TorchSharp does not tell about itself, found by small passes through it.</summary>
/// <remarks>Its heads, its dropout and its attention to a zero lie in native code and have no properties. No hook runs, and the global generator is put back.</remarks>
/// <param name="Heads">Number of heads.</param>
/// <param name="Dropout">Probability by which attention weights are zeroed in training.</param>
/// <param name="HasZero">True with <c>add_zero_attn</c>.</param>
internal sealed record NativeAttention(long Heads, double Dropout, bool HasZero)
{
    public const string Weight = "in_proj_weight", Bias = "in_proj_bias", OutputWeight = "out_proj.weight", OutputBias = "out_proj.bias";

    private const int Draws = 1024;

    /// <summary>The parameters by which this one differs from the plain kind: <c>q_proj_weight</c> of kdim and vdim, <c>bias_k</c> of add_bias_kv.</summary>
    public static IReadOnlyList<string> Unknown(MultiheadAttention attention) =>
        [.. attention.named_parameters().Select(entry => entry.name).Where(name => name is not (Weight or Bias or OutputWeight or OutputBias))];

    /// <summary>A linear layer on the parameters of the input projection, the very objects. It must not be disposed.</summary>
    public static Linear Projection(MultiheadAttention attention) => nn.Linear(attention.get_parameter(Weight)!, attention.get_parameter(Bias));

    /// <summary>Runs the passes.</summary>
    public static NativeAttention Read(MultiheadAttention attention)
    {
        using var none = no_grad();
        var training = attention.training;
        using var state = get_rng_state();
        try
        {
            attention.eval();
            var (heads, keys) = Shape(attention);
            attention.train();
            return new NativeAttention(heads, keys > 1 ? 0 : DropoutOf(attention, heads), keys > 1);
        }
        finally
        {
            attention.train(training);
            set_rng_state(state);
        }
    }

    // A mask for each head and sample is taken if there are as many as heads, and refused otherwise.
    private static (long Heads, long Keys) Shape(MultiheadAttention attention)
    {
        var like = attention.get_parameter(Weight)!;
        var width = like.shape[1];
        for (long heads = 1; heads <= width; heads++)
        {
            if (width % heads != 0) continue;
            using Tensor token = zeros([1, 1, width], like.dtype, like.device), mask = zeros([heads, 1, 1], like.dtype, like.device);
            try
            {
                var (output, weights) = attention.forward(token, token, token, null, true, mask);
                using (output)
                using (weights)
                    return (heads, weights.shape[^1]);
            }
            catch (ExternalException)
            {
            }
        }
        throw new LoraException("The MultiheadAttention takes a mask for each head with no number of heads that divides its width, so that its heads cannot be known. Leave it out of Targets.");
    }

    // With one key each weight is 1, dropped it is 0 or 1/(1 − p), and their mean over the heads is a multiple of 1/(h(1 − p)).
    private static double DropoutOf(MultiheadAttention attention, long heads)
    {
        var like = attention.get_parameter(Weight)!;
        using var token = zeros([1, Draws, like.shape[1]], like.dtype, like.device);
        var (output, weights) = attention.forward(token, token, token, null, true, null);
        using var _ = output;
        using var all = weights;
        using Tensor exact = all.to(ScalarType.Float64), flat = exact.cpu().view(-1);
        var values = flat.data<double>().ToArray().Order().ToArray();
        if (values[0] == values[^1]) return values[0] == 0 ? 1 : Math.Round(1 - 1 / values[0], 4);
        var step = values.Skip(1).Zip(values, (next, value) => next - value).Where(gap => gap > .5 / heads).Min(); // smaller ones are rounding
        return Math.Round(1 - 1 / (heads * step), 4);
    }
}
