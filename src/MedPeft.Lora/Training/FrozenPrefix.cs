using MedPeft.Lora.Common;
using MedPeft.Lora.Data.Caching;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>The blocks of a model below the first that trains, whose output for an image never changes during a run.</summary>
internal sealed partial class FrozenPrefix
{
    private readonly IBlockStack _stack;
    private readonly TrainingOptions _options;
    private ScalarType _type;

    private FrozenPrefix(IBlockStack stack, int blocks, TrainingOptions options, FrozenPrefixCache cache) => (_stack, Blocks, _options, Cache) = (stack, blocks, options, cache);

    /// <summary>Blocks in it.</summary>
    public int Blocks { get; }

    /// <summary>Where its output is kept, and how.</summary>
    public FrozenPrefixCache Cache { get; }

    /// <summary>The element type of what is kept.</summary>
    public ScalarType Stored => Cache.Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>Finds where the frozen part of a model ends; null where the options do not ask for it.</summary>
    /// <exception cref="TrainingException">The model, the images or the options are such that its output would change.</exception>
    public static FrozenPrefix? Of(nn.Module model, TrainingOptions options)
    {
        if (options.FrozenPrefixCache is not { } cache) return null;
        if (model is not IBlockStack stack)
            throw new TrainingException($"FrozenPrefixCache needs a VisionTransformer, whose blocks can run apart; found {model.GetType().Name}. Set FrozenPrefixCache to null.");
        CheckOptions(options, cache);
        return new FrozenPrefix(stack, FirstTrained(model, stack), options, cache);
    }

    /// <summary>What the prefix gives, without gradients; the model is in evaluation mode.</summary>
    /// <param name="images">[B, C, S, S], on the model's device.</param>
    /// <returns>[B, N, C] on the CPU, of the type that is kept; belongs to the caller's dispose scope.</returns>
    public Tensor Tokens(Tensor images)
    {
        using var none = no_grad();
        return _stack.Below(images, Blocks).to(Stored).cpu().contiguous();
    }

    /// <summary>What the model makes of tokens.</summary>
    /// <param name="tokens">[B, N, C], on the model's device.</param>
    /// <returns>What the model gives, caller owns.</returns>
    public Tensor Score(Tensor tokens)
    {
        if (tokens.dtype == _type) return _stack.From(tokens, Blocks);
        using var typed = tokens.to(_type);
        return _stack.From(typed, Blocks);
    }

    /// <summary>Opens the cache, once the model is on its device and in its precision.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="device">Its device.</param>
    /// <param name="landmark">What the prefix gives for <see cref="Landmark"/>, as it is kept.</param>
    /// <exception cref="TrainingException">The model does not do what its blocks do, or what is kept is another model's.</exception>
    /// <exception cref="Data.DatasetException">A file of the cache is damaged, or the folder cannot be used.</exception>
    public TokenCache Open(nn.Module<Tensor, Tensor> model, Device device, out byte[] landmark)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);
        var pipeline = _options.Training;
        var image = rand([1, pipeline.Channels, pipeline.Size, pipeline.Size], generator: generator).to(device);
        var tokens = _stack.Below(image, Blocks);
        _type = tokens.dtype;
        var (whole, parts) = (model.call(image), _stack.From(tokens, Blocks));
        if (!whole.shape.SequenceEqual(parts.shape) || !whole.allclose(parts, rtol: 1e-4, atol: 1e-6, equal_nan: true))
            throw new TrainingException(
                "The model gives something else than its blocks one after the other, as a hook on the model itself makes it; what is kept would be trained without it. Remove the hook, or set FrozenPrefixCache to null.");
        landmark = tokens.to(Stored).cpu().contiguous().bytes.ToArray();
        var cache = TokenCache.Open(Cache.Folder, Key(model, device), ((int)tokens.shape[2], (int)tokens.shape[1], Cache.Precision == Precision.BFloat16 ? 2 : 4), Cache.FileBytes);
        try
        {
            if (cache.Find(Landmark) is { } kept) CheckLandmark(kept, landmark);
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    /// <summary>Stands for an image that is in every cache: by it a change that no fingerprint sees, such as a hook on a frozen block, is found.</summary>
    public static SourceFile Landmark { get; } = new(new UInt128(0x6C61_6E64_6D61_726B, 1), 0, 0, new UInt128(0x6C61_6E64_6D61_726B, 2));

    private void CheckLandmark(CachedImage kept, byte[] landmark)
    {
        var then = new byte[landmark.Length];
        kept.Read(then);
        var (before, now) = (Values(then), Values(landmark));
        // Another machine rounds elsewhere; another function differs by far more.
        var tolerance = Stored == ScalarType.Float32 && _options.Precision == Precision.Float32 && !_options.TensorFloat32 ? 1e-3 : 3e-2;
        var largest = before.abs().max().item<float>();
        if (before.Minus(now).abs().max().item<float>() <= tolerance * largest) return;
        throw new TrainingException(
            "The frozen blocks have the weights that FrozenPrefixCache knows and give something else for the same image: something beside the weights has changed, such as a hook on a block. " +
            "Set FrozenPrefixCache.Version to another name, and what it keeps is computed anew.");

        Tensor Values(byte[] bytes)
        {
            var values = empty(bytes.Length / (Stored == ScalarType.Float32 ? 4 : 2), Stored, CPU);
            bytes.CopyTo(values.bytes);
            return values.to(ScalarType.Float32);
        }
    }
}
