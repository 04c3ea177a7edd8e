using MedPeft.Lora.Common;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Cuts an image into patches and projects each to a token: a convolution whose stride is its kernel size.</summary>
internal sealed class PatchEmbedding : nn.Module<Tensor, Tensor>
{
    private readonly int _imageSize, _channels, _patchSize;
    private readonly bool _takesGray;

    [ComponentName(Name = "proj")]
    private readonly nn.Module<Tensor, Tensor> _projection;

    /// <param name="config">Sizes.</param>
    /// <param name="generator">Of the initial weights; null leaves them to be read.</param>
    /// <param name="takesGray">Whether one channel may stand for as many equal ones as the kernel has.</param>
    public PatchEmbedding(ViTConfig config, Generator? generator, bool takesGray = false)
        : base(nameof(PatchEmbedding))
    {
        (_imageSize, _channels, _patchSize, _takesGray) = (config.ImageSize, config.Channels, config.PatchSize, takesGray);
        // The layer draws its first weights from torch's own generator, which is the caller's: leave it as it was.
        Conv2d convolution;
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

    /// <param name="images">[B, channels, size, size]; or [B, 1, size, size] for channels that are all equal, where that is taken.</param>
    /// <returns>[B, patches, C].</returns>
    public override Tensor forward(Tensor images)
    {
        var gray = _takesGray && images.dim() == 4 && images.shape[1] == 1 && _channels > 1;
        if (images.dim() != 4 || (images.shape[1] != _channels && !gray) || images.shape[2] != _imageSize || images.shape[3] != _imageSize)
        {
            throw new ArgumentException(
                $"This vision transformer takes images of [batch, {_channels}, {_imageSize}, {_imageSize}]; found [{string.Join(", ", images.shape)}]. " +
                "Resize the images, or load the model with another ImageSize (its position embeddings are then interpolated).",
                nameof(images));
        }

        using var grid = gray ? Gray(images) : _projection.call(images); // [B, C, rows, columns]
        using var tokens = grid.flatten(2); // [B, C, N]
        return tokens.transpose(1, 2); // [B, N, C]
    }

    // A kernel over equal channels is the sum of its channels over one: a third of the work, and no copies of the image.
    private Tensor Gray(Tensor images)
    {
        if (_projection is not Conv2d convolution)
        {
            using var equal = images.expand(-1, _channels, -1, -1); // an adapter goes by the layer's own input
            return _projection.call(equal);
        }

        var weight = convolution.weight;
        using var sum = weight.sum([1L], true, weight.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        using Tensor kernel = sum.to(weight.dtype), typed = images.to(weight.dtype); // [C, 1, P, P]
        return nn.functional.conv2d(typed, kernel, convolution.bias, [_patchSize, _patchSize]);
    }
}
