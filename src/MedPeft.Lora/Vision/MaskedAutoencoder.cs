using MedPeft.Lora.Common;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>
/// A masked autoencoder: the encoder sees a quarter of the patches, a small decoder paints the rest. Its encoder, under the names of the
/// published checkpoints, is the foundation model that <see cref="VisionTransformer"/> is then fine-tuned from.
/// </summary>
/// <remarks>He et al. 2022, arXiv:2111.06377, §3. Called on images it returns the loss: the mean squared error over the hidden patches.</remarks>
public sealed class MaskedAutoencoder : nn.Module<Tensor, Tensor>
{
    private const int PrefixTokens = 1;

    [ComponentName(Name = "cls_token")]
    private readonly Parameter _classToken;

    [ComponentName(Name = "pos_embed")]
    private readonly Parameter _positions;

    [ComponentName(Name = "mask_token")]
    private readonly Parameter _maskToken;

    [ComponentName(Name = "decoder_pos_embed")]
    private readonly Parameter _decoderPositions;

    [ComponentName(Name = "patch_embed")]
    private readonly nn.Module<Tensor, Tensor> _patches;

    [ComponentName(Name = "blocks")]
    private readonly ModuleList<nn.Module<Tensor, Tensor>> _blocks;

    [ComponentName(Name = "norm")]
    private readonly nn.Module<Tensor, Tensor> _norm;

    [ComponentName(Name = "decoder_embed")]
    private readonly nn.Module<Tensor, Tensor> _decoderEmbed;

    [ComponentName(Name = "decoder_blocks")]
    private readonly ModuleList<nn.Module<Tensor, Tensor>> _decoderBlocks;

    [ComponentName(Name = "decoder_norm")]
    private readonly nn.Module<Tensor, Tensor> _decoderNorm;

    [ComponentName(Name = "decoder_pred")]
    private readonly nn.Module<Tensor, Tensor> _prediction;

    /// <summary>Makes a model with fresh weights.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Of the generator of the initial weights.</param>
    /// <exception cref="ArgumentException">Sizes in <paramref name="config"/> that do not divide.</exception>
    public MaskedAutoencoder(MaskedAutoencoderConfig config, ulong seed = 0)
        : base(nameof(MaskedAutoencoder))
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        var encoder = config.Encoder;
        using var generator = new Generator(seed, CPU);
        nn.Module<Tensor, Tensor> Linear(long inputs, long outputs) => Initialization.XavierLinear(inputs, outputs, generator);
        ModuleList<nn.Module<Tensor, Tensor>> Blocks(int depth, int width, int heads, double mlpRatio) => new(
            [.. Enumerable.Range(0, depth).Select(_ => new VisionBlock(width, heads, mlpRatio, encoder.LayerNormEps, Linear))]);

        _classToken = Initialization.Normal([1, 1, encoder.EmbedDim], generator, .02);
        _positions = Initialization.Own(PositionEmbedding.SinCos(encoder.EmbedDim, encoder.Grid, encoder.Grid, PrefixTokens), trained: false);
        _maskToken = Initialization.Normal([1, 1, config.DecoderDim], generator, .02);
        _decoderPositions = Initialization.Own(PositionEmbedding.SinCos(config.DecoderDim, encoder.Grid, encoder.Grid, PrefixTokens), trained: false);
        _patches = new PatchEmbedding(encoder, generator);
        _blocks = Blocks(encoder.Depth, encoder.EmbedDim, encoder.Heads, encoder.MlpRatio);
        _norm = nn.LayerNorm(encoder.EmbedDim, encoder.LayerNormEps);
        _decoderEmbed = Linear(encoder.EmbedDim, config.DecoderDim);
        _decoderBlocks = Blocks(config.DecoderDepth, config.DecoderDim, config.DecoderHeads, 4);
        _decoderNorm = nn.LayerNorm(config.DecoderDim, encoder.LayerNormEps);
        _prediction = Linear(config.DecoderDim, (long)encoder.PatchSize * encoder.PatchSize * encoder.Channels);
        RegisterComponents();
    }

    /// <summary>The shape of the model.</summary>
    public MaskedAutoencoderConfig Config { get; }

    /// <summary>Hides patches at random (from torch's generator) and measures how well they are painted.</summary>
    /// <param name="input">Normalised images, [B, channels, ImageSize, ImageSize].</param>
    /// <returns>The loss, a scalar; caller owns.</returns>
    public override Tensor forward(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        var (kept, restore, hidden) = Mask(input.shape[0], input.device);
        var predicted = Decode(Encode(input, kept), restore); // [B, N, P·P·channels]
        var error = Square(predicted.Minus(Targets(input))).mean([-1L]); // [B, N]
        return (error * hidden).sum().div(hidden.sum()).MoveToOuterDisposeScope();
    }

    /// <summary>The patches kept, the order that puts all patches back, and 1 for each hidden patch.</summary>
    private (Tensor Kept, Tensor Restore, Tensor Hidden) Mask(long images, Device device)
    {
        var (patches, visible) = (Config.Encoder.Patches, Config.VisiblePatches);
        var order = rand([images, patches], device: device).argsort(1); // [B, N]
        var restore = order.argsort(1);
        var hidden = ones([images, patches], device: device);
        hidden.narrow(1, 0, visible).zero_();
        return (order.narrow(1, 0, visible), restore, hidden.gather(1, restore));
    }

    private static Tensor Square(Tensor error) => error * error;

    private Tensor Encode(Tensor images, Tensor kept)
    {
        var tokens = _patches.call(images).Plus(_positions.narrow(1, PrefixTokens, Config.Encoder.Patches)); // [B, N, C]
        var (B, C) = (tokens.shape[0], tokens.shape[2]);
        var visible = tokens.gather(1, kept.unsqueeze(-1).expand(-1, -1, C));
        var classToken = _classToken.Plus(_positions.narrow(1, 0, PrefixTokens)).expand(B, -1, -1);
        var x = cat([classToken, visible], 1);
        foreach (var block in _blocks) x = block.call(x);
        return _norm.call(x);
    }

    private Tensor Decode(Tensor encoded, Tensor restore)
    {
        var x = _decoderEmbed.call(encoded); // [B, 1 + visible, D]
        var (B, D, visible) = (x.shape[0], x.shape[2], x.shape[1] - PrefixTokens);
        var masked = _maskToken.expand(B, Config.Encoder.Patches - visible, -1);
        var shuffled = cat([x.narrow(1, PrefixTokens, visible), masked], 1);
        var patches = shuffled.gather(1, restore.unsqueeze(-1).expand(-1, -1, D));
        x = cat([x.narrow(1, 0, PrefixTokens), patches], 1).Plus(_decoderPositions);
        foreach (var block in _decoderBlocks) x = block.call(x);
        return _prediction.call(_decoderNorm.call(x)).narrow(1, PrefixTokens, Config.Encoder.Patches);
    }

    private Tensor Targets(Tensor images)
    {
        var (P, G, channels) = (Config.Encoder.PatchSize, Config.Encoder.Grid, Config.Encoder.Channels);
        var patches = images.view(images.shape[0], channels, G, P, G, P).permute(0, 2, 4, 3, 5, 1).reshape(images.shape[0], G * G, P * P * channels);
        if (!Config.NormalizePixels) return patches;
        var mean = patches.mean([-1L], keepdim: true);
        var variance = patches.var(-1, keepdim: true);
        return patches.Minus(mean) / variance.Plus(1e-6).sqrt();
    }
}
