using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The transformer of docs/your-own-model.md.</summary>
public sealed class OwnTransformerGuide
{
    #region vit
    /// <summary>A vision transformer of one's own: patches, blocks with a fused qkv, the mean of the tokens, a classifier.</summary>
    private sealed class MyTransformer : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> patches, norm, head;
        private readonly TorchSharp.Modules.Parameter positions;
        private readonly TorchSharp.Modules.ModuleList<Block> layers;

        public MyTransformer(int size, int patch, int width, int depth, int heads, int findings) : base(nameof(MyTransformer))
        {
            patches = nn.Conv2d(1, width, patch, stride: patch);
            positions = nn.Parameter(zeros(1, (long)(size / patch) * (size / patch), width));
            layers = nn.ModuleList([.. Enumerable.Range(0, depth).Select(_ => new Block(width, heads))]);
            norm = nn.LayerNorm(width);
            head = nn.Linear(width, findings);
            RegisterComponents();
        }

        public override Tensor forward(Tensor images)
        {
            using var scope = NewDisposeScope();
            var tokens = patches.call(images).flatten(2).transpose(1, 2) + positions; // [B, N, C]
            foreach (var layer in layers) tokens = layer.call(tokens);
            return head.call(norm.call(tokens).mean([1L])).MoveToOuterDisposeScope(); // [B, K]
        }
    }

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> norm1, norm2, attention, up, down;

        public Block(int width, int heads) : base(nameof(Block))
        {
            (norm1, norm2) = (nn.LayerNorm(width), nn.LayerNorm(width));
            attention = new MyAttention(width, heads);
            (up, down) = (nn.Linear(width, 4 * width), nn.Linear(4 * width, width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor tokens)
        {
            using var scope = NewDisposeScope();
            tokens = tokens + attention.call(norm1.call(tokens));
            return (tokens + down.call(nn.functional.gelu(up.call(norm2.call(tokens))))).MoveToOuterDisposeScope();
        }
    }

    private sealed class MyAttention : nn.Module<Tensor, Tensor>
    {
        private readonly int heads;
        private readonly nn.Module<Tensor, Tensor> to_qkv, output;

        public MyAttention(int width, int heads) : base(nameof(MyAttention))
        {
            this.heads = heads;
            to_qkv = nn.Linear(width, 3 * width); // q, k and v in one product: rows 0 to C are q, C to 2C k, 2C to 3C v
            output = nn.Linear(width, width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor tokens)
        {
            using var scope = NewDisposeScope();
            var (B, N, C) = (tokens.shape[0], tokens.shape[1], tokens.shape[2]);
            var qkv = to_qkv.call(tokens).view(B, N, 3, heads, C / heads).permute(2, 0, 3, 1, 4); // [3, B, H, N, D]
            var mixed = nn.functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
            return output.call(mixed.transpose(1, 2).reshape(B, N, C)).MoveToOuterDisposeScope();
        }
    }
    #endregion

    [Fact]
    public void Queries_and_values_of_a_fused_layer_are_adapted()
    {
        using var model = new MyTransformer(size: 32, patch: 8, width: 24, depth: 3, heads: 3, findings: 2);
        using var images = rand(2, 1, 32, 32);
        using var before = model.call(images);

        #region vit-inject
        var lora = model.InjectLora(new LoraConfig
        {
            Rank = 4, Alpha = 8,
            Targets = ["to_qkv"],                               // whatever the field is called
            Blocks = [LoraBlock.Query, LoraBlock.Value],        // q and v; the rows of k stay out of the arithmetic
            Within = ["layers.1..2"],                           // the last two of three blocks
            Trainable = ["head", "norm"],
        });
        Console.WriteLine(lora.Describe());
        lora.Verify(images);                                    // a pass that fails if an adapter is run past
        #endregion

        Assert.Equal(["layers.1.attention.to_qkv", "layers.2.attention.to_qkv"], lora.Layers.Select(layer => layer.Path));
        Assert.Equal(before.data<float>().ToArray(), model.call(images).data<float>().ToArray());
        model.call(images).square().mean().backward();
        using (no_grad())
            foreach (var (_, parameter) in lora.TrainableParameters()) parameter.sub_(parameter.grad!);
        using var update = lora.Delta("layers.1.attention.to_qkv").abs().sum(1);
        Assert.Equal(0, update.narrow(0, 24, 24).sum().item<float>()); // no row of k has changed
        Assert.True(update.sum().item<float>() > 0);
    }
}
