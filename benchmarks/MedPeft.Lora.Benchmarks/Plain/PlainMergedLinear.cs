using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks.Plain;

/// <summary>LoRA on q and v of a fused projection as the paper's code has it: one grouped convolution for both updates, padded with zeros for k.</summary>
public sealed class PlainMergedLinear : nn.Module<Tensor, Tensor>
{
    private const int Blocks = 2;
    private readonly Parameter weight, bias, loraA, loraB;
    private readonly Dropout _dropout;
    private readonly Tensor _rows;
    private readonly double _scale;

    /// <summary>Makes the layer with random weights; only the factors train.</summary>
    public PlainMergedLinear(long width, int rank, double alpha, double dropout) : base(nameof(PlainMergedLinear))
    {
        weight = new Parameter(randn(3 * width, width) * .02, requires_grad: false);
        bias = new Parameter(zeros(3 * width), requires_grad: false);
        loraA = new Parameter(randn(Blocks * rank, width) * .02);
        loraB = new Parameter(randn(Blocks * width, rank) * .02);
        _dropout = nn.Dropout(dropout);
        _rows = cat([arange(width), arange(2 * width, 3 * width)]);
        _scale = alpha / rank;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        var output = nn.functional.linear(input, weight, bias);
        var low = nn.functional.linear(_dropout.call(input), loraA); // [B, N, 2r]
        var update = nn.functional.conv1d(low.transpose(-2, -1), loraB.unsqueeze(-1), groups: Blocks).transpose(-2, -1); // [B, N, 2C]
        var padded = zeros([.. update.shape[..^1], weight.shape[0]], update.dtype, update.device).index_copy(-1, _rows, update);
        return output + padded * _scale;
    }
}
