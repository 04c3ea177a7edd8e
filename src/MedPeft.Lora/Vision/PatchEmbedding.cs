using MedPeft.Lora.Common;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Cuts an image into patches and projects each to a token: a convolution whose stride is its kernel size.</summary>
internal sealed class PatchEmbedding : nn.Module<Tensor, Tensor>
{
    private readonly int _imageSize, _channels;

    [ComponentName(Name = "proj")]
    private readonly nn.Module<Tensor, Tensor> _projection;

    public PatchEmbedding(ViTConfig config, Generator? generator)
        : base(nameof(PatchEmbedding))
    {
        (_imageSize, _channels) = (config.ImageSize, config.Channels);
        // The layer draws its first weights from torch's own generator, which is the caller's: leave it as it was.
        TorchSharp.Modules.Conv2d convolution;
        using (new CallersGenerator()) convolution = nn.Conv2d(config.Channels, config.EmbedDim, config.PatchSize, stride: config.PatchSize);
        using (no_grad())
        {
            // MAE initialises the kernel as the linear layer that it is.
            var fanIn = (double)config.Channels * config.PatchSize * config.PatchSize;
            var bound = Math.Sqrt(6 / (fanIn + config.EmbedDim));
            if (generator is not null) convolution.weight.uniform_(-bound, bound, generator);
            convolution.bias!.zero_();
        }

        _projection = convolution;
        RegisterComponents();
    }

    /// <param name="images">[B, channels, size, size].</param>
    /// <returns>[B, patches, C].</returns>
    public override Tensor forward(Tensor images)
    {
        if (images.dim() != 4 || images.shape[1] != _channels || images.shape[2] != _imageSize || images.shape[3] != _imageSize)
        {
            throw new ArgumentException(
                $"This vision transformer takes images of [batch, {_channels}, {_imageSize}, {_imageSize}]; found [{string.Join(", ", images.shape)}]. " +
                "Resize the images, or load the model with another ImageSize (its position embeddings are then interpolated).",
                nameof(images));
        }

        using var grid = _projection.call(images); // [B, C, rows, columns]
        using var tokens = grid.flatten(2); // [B, C, N]
        return tokens.transpose(1, 2); // [B, N, C]
    }
}
