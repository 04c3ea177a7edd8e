using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>Finds by small passes what a layer in native code has no properties for. The layer and the caller's generator are as they were afterwards.</summary>
internal static partial class NativeProbe
{
    private const int Tokens = 1024, Attempts = 32;

    /// <summary>Runs the passes.</summary>
    /// <exception cref="LoraException">The layer does not let itself be known.</exception>
    public static NativeSettings Read(NativeLayer layer)
    {
        var training = layer.Host.training;
        using var state = new CallersGenerator();
        using var generator = new Generator(0);
        try
        {
            layer.Host.eval();
            var heads = Heads(layer);
            var isGelu = layer is NativeEncoder activated && IsGelu(activated, heads, generator);
            layer.Host.train();
            return new NativeSettings(heads, layer is NativeEncoder encoder ? Dropout(encoder, generator) : Dropout((NativeAttention)layer, heads), isGelu);
        }
        finally
        {
            layer.Host.train(training);
        }
    }

    // libtorch adds a mask to the scores in place, [N·H, L, S]. One of a dimension too many is refused, and the refusal says how large they are.
    private static long Heads(NativeLayer layer)
    {
        using var none = no_grad();
        using Tensor token = Random(layer, 1, null), mask = zeros([1, 1, 1], token.dtype, token.device);
        try
        {
            layer.Native(token, mask).Dispose();
        }
        catch (ExternalException e) when (Refusal().Match(e.Message) is { Success: true } match)
        {
            return long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        }
        catch (ExternalException)
        {
        }
        throw new LoraException("was made with add_zero_attn, or does not tell how many heads it has");
    }

    [GeneratedRegex(@"output with shape \[(\d+), 1, 1\] doesn't match the broadcast shape")]
    private static partial Regex Refusal();

    private static bool IsGelu(NativeEncoder encoder, long heads, Generator generator)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var tokens = Random(encoder, 16, generator);
        var native = encoder.Native(tokens, null);
        double Error(bool isGelu) => encoder.Compute(Alone, tokens, new NativeSettings(heads, 0, isGelu)).Minus(native).abs().max().to(ScalarType.Float64).item<double>();
        var (relu, gelu) = (Error(false), Error(true));
        return 4 * Math.Min(relu, gelu) < Math.Max(relu, gelu) ? gelu < relu : throw new LoraException("does not tell whether it has ReLU or GELU: its outputs hardly depend on it");
    }

    // With one key each weight is 1, dropped it is 0 or 1/(1 − p), and their mean over the heads is a multiple of 1/(h(1 − p)).
    private static double Dropout(NativeAttention layer, long heads)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var tokens = Random(layer, Tokens, null).transpose(0, 1); // [1, N, E]: as many sequences of one
        var (_, weights) = ((MultiheadAttention)layer.Host).forward(tokens, tokens, tokens, null, true, null);
        var values = weights.to(ScalarType.Float64).cpu().view(-1).data<double>().ToArray().Order().ToArray();
        if (values[0] == 1 && values[^1] == 1) return 0;
        DemandFine(layer);
        if (values[0] == values[^1]) return values[0] == 0 ? 1 : Rounded(1 - 1 / values[0]);
        return Rounded(1 - 1 / (heads * values.Skip(1).Zip(values, (next, value) => next - value).Where(gap => gap > .5 / heads).Min())); // smaller ones are rounding
    }

    // For one token the gradient of the last bias is that of the last sum, dropped out: 0 or 1/(1 − p) times it. And that of the sum is what the gradients of two
    // other biases say: ∂/∂sum = ∂/∂b(norm1) − W₁ᵀ·∂/∂b(linear1), as norm1's output goes to the sum and to linear1 alone.
    private static double Dropout(NativeEncoder encoder, Generator generator)
    {
        if (Same(encoder, generator)) return 0;
        DemandFine(encoder);
        Parameter Of(string name) => encoder.Parameter(encoder.LastPrefix + name)!;
        Parameter norm = Of("norm1.bias"), first = Of("linear1.bias"), last = Of("linear2.bias"), weight = Of("linear1.weight");
        var own = encoder.Host.named_parameters(false).Select(entry => (entry.parameter, entry.parameter.requires_grad)).ToList();
        var gradients = new[] { norm, first, last }.Select(parameter => (parameter, parameter.grad)).ToList();
        try
        {
            foreach (var (parameter, _) in own) parameter.requires_grad = parameter.Handle == norm.Handle || parameter.Handle == first.Handle || parameter.Handle == last.Handle;
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                using var scope = NewDisposeScope();
                using var gradient = enable_grad();
                foreach (var (parameter, _) in gradients) parameter.grad = null;
                var output = encoder.Native(Random(encoder, 1, generator), null);
                output.mul(Random(encoder, 1, generator)).sum().backward();
                Tensor Gradient(Tensor parameter) => parameter.grad!.to(ScalarType.Float64);
                using var none = no_grad();
                var ofSum = Gradient(norm).Minus(Gradient(first).unsqueeze(0).mm(weight.to(ScalarType.Float64)).squeeze(0));
                var dropped = Gradient(last);
                double Product(Tensor a, Tensor b) => a.mul(b).sum().item<double>();
                if (Product(ofSum, ofSum) == 0) throw new LoraException("does not tell its dropout: no gradient goes through its last normalisation");
                if (Product(dropped, dropped) > 0) return Rounded(1 - Product(dropped, ofSum) / Product(dropped, dropped));
            }
            return 1;
        }
        finally
        {
            foreach (var (parameter, gradient) in gradients) parameter.grad = gradient;
            foreach (var (parameter, requires) in own) parameter.requires_grad = requires;
        }
    }

    private static bool Same(NativeEncoder encoder, Generator generator)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var tokens = Random(encoder, 64, generator);
        var dropped = encoder.Native(tokens, null);
        encoder.Host.eval();
        var plain = encoder.Native(tokens, null);
        encoder.Host.train();
        return dropped.eq(plain).all().item<bool>();
    }

    private static void DemandFine(NativeLayer layer)
    {
        if (layer.Parts[0].Linear.weight.dtype is not (ScalarType.Float32 or ScalarType.Float64)) throw new LoraException("has dropout in half precision, too coarse to read its rate from; adapt it before it is converted");
    }

    private static double Rounded(double probability) => Math.Round(probability, 4); // exact but for the rounding of the layer's own numbers

    private static Tensor Alone(Linear part, Tensor x) => part.forward(x);

    /// <summary>A sequence of random tokens, [L, 1, E].</summary>
    private static Tensor Random(NativeLayer layer, long length, Generator? generator)
    {
        var weight = layer.Parts[0].Linear.weight;
        using var own = generator is null ? new Generator(0) : null;
        using var values = empty([length, 1, weight.shape[1]], ScalarType.Float32).normal_(0, 1, generator ?? own!);
        return values.to(weight.dtype, weight.device);
    }
}
