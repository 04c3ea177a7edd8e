using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks.Plain;

/// <summary>
/// ViT-B/16 with LoRA on q and v, or trained in full, written the plain way in TorchSharp: what a user would write after the paper's code. The
/// peer that the library is measured against.
/// </summary>
public sealed class PlainVit : nn.Module<Tensor, Tensor>
{
    private const int Width = 768, Depth = 12, Heads = 12, Patches = 196;
    private readonly Conv2d patch;
    private readonly Parameter token, positions;
    private readonly ModuleList<Block> blocks;
    private readonly LayerNorm norm;
    private readonly Linear head;

    /// <summary>Makes the model with random weights.</summary>
    public PlainVit(bool lora, int rank = 4, double dropPath = .1) : base(nameof(PlainVit))
    {
        patch = nn.Conv2d(3, Width, 16, stride: 16);
        token = new Parameter(zeros(1, 1, Width));
        positions = new Parameter(randn(1, Patches + 1, Width) * .02);
        blocks = new ModuleList<Block>([.. Enumerable.Range(0, Depth).Select(i => new Block(lora, rank, dropPath * i / (Depth - 1)))]);
        norm = nn.LayerNorm(Width, 1e-6);
        head = nn.Linear(Width, 14);
        RegisterComponents();
        if (!lora) return;
        foreach (var (name, parameter) in named_parameters())
            parameter.requires_grad = name.Contains("lora", StringComparison.Ordinal) || name.StartsWith("head", StringComparison.Ordinal) || name.StartsWith("norm", StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor images)
    {
        var x = patch.call(images).flatten(2).transpose(1, 2);
        x = cat([token.expand(x.shape[0], -1, -1), x], 1) + positions;
        foreach (var block in blocks) x = block.call(x);
        return head.call(norm.call(x[.., 1..].mean([1L])));
    }

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly LayerNorm norm1, norm2;
        private readonly nn.Module<Tensor, Tensor> qkv;
        private readonly Linear proj, fc1, fc2;
        private readonly double _dropPath;

        public Block(bool lora, int rank, double dropPath) : base(nameof(Block))
        {
            norm1 = nn.LayerNorm(Width, 1e-6);
            qkv = lora ? new PlainMergedLinear(Width, rank, 32, .1) : nn.Linear(Width, 3 * Width);
            proj = nn.Linear(Width, Width);
            norm2 = nn.LayerNorm(Width, 1e-6);
            fc1 = nn.Linear(Width, 4 * Width);
            fc2 = nn.Linear(4 * Width, Width);
            _dropPath = dropPath;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            x = x + DropPath(Attend(norm1.call(x)));
            return x + DropPath(fc2.call(nn.functional.gelu(fc1.call(norm2.call(x)))));
        }

        private Tensor Attend(Tensor x)
        {
            var (B, N) = (x.shape[0], x.shape[1]);
            var parts = qkv.call(x).reshape(B, N, 3, Heads, Width / Heads).permute(2, 0, 3, 1, 4);
            var (q, k, v) = (parts[0], parts[1], parts[2]); // [B, H, N, D]
            var weights = (einsum("bhnd,bhmd->bhnm", q, k) * Math.Pow(Width / Heads, -.5)).softmax(-1);
            return proj.call(einsum("bhnm,bhmd->bhnd", weights, v).transpose(1, 2).reshape(B, N, Width));
        }

        private Tensor DropPath(Tensor branch)
        {
            if (_dropPath == 0 || !training) return branch;
            var keep = 1 - _dropPath;
            return branch / keep * (keep + rand([branch.shape[0], 1, 1], branch.dtype, branch.device)).floor();
        }
    }
}
