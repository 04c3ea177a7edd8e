using System.Globalization;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>
/// What share of a step its matrix products alone take: the products of ViT-B/16 on the same shapes and as many weights, nothing else, in turns with our step. Stochastic depth rests, so
/// that both sides do the same products. They are done twice: as linear layers, which is what libtorch's users get, and as convolutions of one pixel, which is faster on some processors.
/// </summary>
internal static class Floor
{
    private const int Depth = 12, Width = 768, Heads = 12, Tokens = 197;

    private static readonly (string Work, Trained Trained, Gradients Gradients, double Goal)[] Rows =
    [
        ("LoRA step", Trained.Lora, Gradients.OfInputs, .85),
        ("full fine-tuning", Trained.Full, Gradients.OfAll, .90),
        ("inference, merged", Trained.Inference, Gradients.None, .88),
    ];

    private enum Gradients
    {
        None,
        OfInputs,
        OfAll,
    }

    public static int Run(string[] args)
    {
        var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
        var batch = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 4;
        Console.WriteLine($"ViT-B/16 at 224 px, batch {batch}, float32, median of {rounds} rounds in turns, {Environment.ProcessorCount} cores\n");
        Console.WriteLine("| work | its products as linear layers, ms | as convolutions, ms | ours, ms | share of the first floor | of the second | goal |\n|---|---:|---:|---:|---:|---:|---:|");
        foreach (var (work, trained, gradients, goal) in Rows)
        {
            using var scope = NewDisposeScope();
            using var step = new TrainingStep(trained, batch, dropPath: 0);
            var times = Contest.Run(rounds, Products(batch, gradients, Linear, LinearGradient), Products(batch, gradients, Convolution, ConvolutionGradient), () => step.Step());
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {work} | {times[0] * 1000:F0} | {times[1] * 1000:F0} | {times[2] * 1000:F0} | {times[0] / times[2]:F2} | {times[1] / times[2]:F2} | {goal} |"));
        }

        return 0;
    }

    private static Tensor Linear(Tensor rows, Tensor weight) => nn.functional.linear(rows, weight);

    private static Tensor LinearGradient(Tensor rows, Tensor weight) => rows.mm(weight);

    private static Tensor Convolution(Tensor rows, Tensor weight) => nn.functional.conv2d(Pixels(rows), weight.view(weight.shape[0], weight.shape[1], 1, 1));

    private static Tensor ConvolutionGradient(Tensor rows, Tensor weight) => nn.functional.conv_transpose2d(Pixels(rows), weight.view(weight.shape[0], weight.shape[1], 1, 1));

    private static Tensor Pixels(Tensor rows)
    {
        var pixels = rows.shape[0] % Tokens == 0 ? Tokens : Tokens - 1;
        return rows.view(rows.shape[0] / pixels, 1, pixels, rows.shape[1]).permute(0, 3, 1, 2);
    }

    private static Action Products(int batch, Gradients gradients, Func<Tensor, Tensor, Tensor> product, Func<Tensor, Tensor, Tensor> gradient)
    {
        // Each block has weights of its own, as the model has: they do not stay in the cache.
        (long In, long Out)[] shapes = [(Width, 3 * Width), (Width, Width), (Width, 4 * Width), (4 * Width, Width)];
        var blocks = Enumerable.Range(0, Depth).Select(_ => shapes.Select(shape => rand(shape.Out, shape.In)).ToList()).ToList();
        var rows = new[] { Width, 3 * Width, 4 * Width }.ToDictionary(width => (long)width, width => rand(batch * Tokens, width));
        Tensor heads = rand(batch * Heads, Tokens, Width / Heads), weights = rand(batch * Heads, Tokens, Tokens);
        var (headsTurned, weightsTurned) = (heads.transpose(1, 2), weights.transpose(1, 2));
        Tensor patches = rand(batch * (Tokens - 1), Width), kernel = rand(Width, Width);
        return () =>
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            product(patches, kernel).Dispose();
            foreach (var block in blocks)
            {
                foreach (var weight in block) product(rows[weight.shape[1]], weight).Dispose();
                bmm(heads, headsTurned).Dispose(); // scores
                bmm(weights, heads).Dispose(); // what is attended to
            }

            if (gradients == Gradients.None) return;
            foreach (var block in blocks)
            {
                foreach (var weight in block)
                {
                    // Nothing below the first adapted layer takes part in the gradient.
                    if (!ReferenceEquals(weight, blocks[0][0]) || gradients == Gradients.OfAll) gradient(rows[weight.shape[0]], weight).Dispose();
                    if (gradients != Gradients.OfAll) continue;
                    using var turned = rows[weight.shape[0]].t();
                    turned.mm(rows[weight.shape[1]]).Dispose();
                }

                bmm(weightsTurned, heads).Dispose(); // values
                bmm(heads, headsTurned).Dispose(); // weights
                bmm(weights, heads).Dispose(); // queries
                bmm(weightsTurned, heads).Dispose(); // keys
            }

            if (gradients != Gradients.OfAll) return;
            using var columns = rows[Width].narrow(0, 0, patches.shape[0]);
            using var columnsTurned = columns.t();
            columnsTurned.mm(patches).Dispose();
        };
    }
}
