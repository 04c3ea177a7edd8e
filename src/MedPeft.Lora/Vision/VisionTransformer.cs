using MedPeft.Lora.Common;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>
/// A vision transformer with the layout and the parameter names of MAE and timm: <c>cls_token</c>, <c>pos_embed</c>, <c>patch_embed.proj</c>,
/// <c>blocks.i.{norm1, attn.qkv, attn.proj, norm2, mlp.fc1, mlp.fc2}</c>, <c>fc_norm</c> or <c>norm</c>, <c>head</c>.
/// </summary>
/// <remarks>Dosovitskiy et al. 2021, arXiv:2010.11929; pooling and head as MAE fine-tunes (He et al. 2022, arXiv:2111.06377).</remarks>
public sealed partial class VisionTransformer : nn.Module<Tensor, Tensor>
{
    // MAE starts a fine-tuned head close to zero, so that the first steps do not disturb the backbone.
    private const double HeadStd = 2e-5;

    [ComponentName(Name = "cls_token")]
    private readonly Parameter _classToken;

    [ComponentName(Name = "pos_embed")]
    private readonly Parameter _positions;

    [ComponentName(Name = "register_tokens")]
    private readonly Parameter? _registers;

    [ComponentName(Name = "patch_embed")]
    private readonly nn.Module<Tensor, Tensor> _patches;

    [ComponentName(Name = "blocks")]
    private readonly ModuleList<nn.Module<Tensor, Tensor>> _blocks;

    [ComponentName(Name = "norm")]
    private readonly nn.Module<Tensor, Tensor>? _norm;

    [ComponentName(Name = "fc_norm")]
    private readonly nn.Module<Tensor, Tensor>? _fcNorm;

    [ComponentName(Name = "head")]
    private readonly nn.Module<Tensor, Tensor>? _head;

    /// <summary>Makes a model with fresh weights.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Of the generator of the initial weights; the same seed gives the same weights.</param>
    /// <exception cref="ArgumentException">Sizes in <paramref name="config"/> that do not divide.</exception>
    public VisionTransformer(ViTConfig config, ulong seed = 0) : this(config, seed, drawn: true) { }

    /// <param name="config">Its shape.</param>
    /// <param name="seed">Of the generator of the initial weights.</param>
    /// <param name="drawn">False leaves all weights but the head's and the norms' to be read from a file: to draw 86 million numbers takes longer than to read them.</param>
    private VisionTransformer(ViTConfig config, ulong seed, bool drawn)
        : base(nameof(VisionTransformer))
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        NativeHeap.KeepFreed();
        Config = config;
        using var own = new Generator(seed, CPU);
        var generator = drawn ? own : null;
        nn.Module<Tensor, Tensor> Linear(long inputs, long outputs) => Initialization.Linear(inputs, outputs, generator);

        _classToken = Initialization.Normal([1, 1, config.EmbedDim], generator, .02);
        _positions = config.Positions == PositionEmbeddingKind.Learned
            ? Initialization.Normal([1, 1 + config.Patches, config.EmbedDim], generator, .02)
            : Initialization.Own(PositionEmbedding.SinCos(config.EmbedDim, config.Grid, config.Grid), trained: false);
        if (config.RegisterTokens > 0) _registers = Initialization.Normal([1, config.RegisterTokens, config.EmbedDim], generator, 1e-6);
        _patches = new PatchEmbedding(config, generator, takesGray: true);
        _blocks = new ModuleList<nn.Module<Tensor, Tensor>>([.. Enumerable.Range(0, config.Depth).Select(i => new VisionBlock(
            config.EmbedDim, config.Heads, config.MlpRatio, config.LayerNormEps, Linear, config.Depth == 1 ? 0 : config.DropPath * i / (config.Depth - 1), config.LayerScale))]);
        if (config.Pooling == ViTPooling.ClassToken) _norm = nn.LayerNorm(config.EmbedDim, config.LayerNormEps);
        else _fcNorm = nn.LayerNorm(config.EmbedDim, config.LayerNormEps);
        if (config.Outputs > 0) _head = Initialization.Linear(config.EmbedDim, config.Outputs, own, HeadStd);
        RegisterComponents();
    }

    /// <summary>The shape of the model.</summary>
    public ViTConfig Config { get; }

    /// <summary>
    /// True keeps only the tokens between the blocks of a training pass and computes the rest again for the gradients, with the same dropout (but for the last block, whose gradients come first): a third
    /// less memory per image at 0.7 of the speed, and the same gradients bit for bit on a CPU.
    /// </summary>
    /// <value>Default false.</value>
    public bool CheckpointActivations { get; set; }

    /// <summary>Scores images.</summary>
    /// <param name="input">
    /// Normalised images, [B, channels, ImageSize, ImageSize]; or [B, 1, ImageSize, ImageSize], which stands for as many equal channels and gives the same but for rounding, at a
    /// third of the patch embedding's work. Hooks on <c>patch_embed.proj</c> are then not run, unless it is adapted.
    /// </param>
    /// <returns>Logits, [B, Outputs], or the pooled features, [B, EmbedDim], where the head is left out; caller owns.</returns>
    /// <exception cref="ArgumentException">Images of another shape.</exception>
    public override Tensor forward(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Finish(Embed(input), 0);
    }

    /// <summary>Runs what is left of the blocks and scores what comes of it. Of the last block's feed-forward half a training pass computes only what is pooled, unless someone listens to the rest.</summary>
    /// <remarks>Other passes compute all of it: the sum's order is another, and a fresh adapter, whose layer cannot be left out, must not change a bit.</remarks>
    /// <param name="tokens">[B, N, C]; let go of.</param>
    /// <param name="from">The first block that runs.</param>
    private Tensor Finish(Tensor tokens, int from)
    {
        if (!training || from == Config.Depth || _blocks[^1] is not VisionBlock { Pools: true } last || (_norm is not null && (_norm is not LayerNorm || ForwardHooks.On(_norm) > 0)))
        {
            using var all = Run(tokens, from, Config.Depth);
            return Score(all);
        }

        using var below = Run(tokens, from, Config.Depth - 1);
        if (_norm is not null)
        {
            using var token = last.ClassToken(below); // [B, 1, C]
            return Score(token);
        }

        using var mean = last.Mean(below, MeanOfPatches);
        return Head(_fcNorm!.call(mean));
    }

    private Tensor Score(Tensor tokens) => Head(Pool(tokens));

    private Tensor Head(Tensor pooled)
    {
        if (_head is null) return pooled;
        using (pooled) return _head.call(pooled);
    }

    private Tensor Pool(Tensor tokens)
    {
        if (_norm is not null)
        {
            using var normed = _norm.call(tokens);
            return normed.select(1, 0); // [B, C]
        }

        using var mean = MeanOfPatches(tokens);
        return _fcNorm!.call(mean);
    }

    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, C].</returns>
    private Tensor MeanOfPatches(Tensor tokens)
    {
        using var patches = tokens.narrow(1, Config.PrefixTokens, Config.Patches);
        return patches.mean([1L]);
    }

    private Tensor Embed(Tensor images)
    {
        using var patches = _patches.call(images); // [B, N, C]
        using var classToken = _classToken.expand(patches.shape[0], -1, -1);
        using var joined = cat([classToken, patches], 1); // [B, 1 + N, C]
        var positioned = joined.Plus(_positions);
        if (_registers is null) return positioned;
        using (positioned)
        {
            using Tensor first = positioned.narrow(1, 0, 1), rest = positioned.narrow(1, 1, Config.Patches);
            using var registers = _registers.expand(positioned.shape[0], -1, -1);
            return cat([first, registers, rest], 1); // [B, 1 + registers + N, C]
        }
    }
}
