using System.Globalization;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Who is faster on the same work, and by how much: contestants take turns in one process.</summary>
internal static class Ratios
{
    private static readonly (string Name, string Work, double Goal, int Repeats, Func<int, Pair> Make)[] Rows =
    [
        ("lora", "LoRA step, float32", 1.25, 1, batch => Steps(batch, Trained.PlainLora, Trained.Lora)),
        ("lora-bf16", "LoRA step, bfloat16 backbone", 2.4, 1, batch => Steps(batch, Trained.PlainLora, Trained.Lora, Precision.BFloat16)),
        ("fft", "LoRA step against full fine-tuning, float32", 1.4, 1, batch => Steps(batch, Trained.Full, Trained.Lora)),
        ("top4", "LoRA on the last 4 blocks against all 12", 1.55, 1, batch => Steps(batch, Trained.Lora, Trained.LoraTop4)),
        ("top4-cached", "LoRA on the last 4 blocks with cached prefix against all 12", 2.7, 1, CachedPrefix),
        ("infer-1", "inference, batch 1, float32", 1.2, 1, _ => Inference(1, null)),
        ("infer-16", "inference, batch 16, float32", 1.2, 1, _ => Inference(16, null)),
        ("infer-bf16-1", "inference, batch 1, bfloat16", 2.2, 1, _ => Inference(1, ScalarType.BFloat16)),
        ("infer-bf16-16", "inference, batch 16, bfloat16", 2.2, 1, _ => Inference(16, ScalarType.BFloat16)),
        ("routed", "16 samples with 16 adapters against 16 with one (goal: at least 0.91)", .91, 1, _ => Routed()),
        ("optimizer", "AdamW step over the adapters against TorchSharp's", 5, 50, _ => OptimizerSteps()),
    ];

    public static int Run(string[] args)
    {
        var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
        var batch = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 4;
        var wanted = args.Skip(2).ToList();
        Console.WriteLine($"ViT-B/16 at 224 px, batch {batch}, median of {rounds} rounds in turns, {Environment.ProcessorCount} cores\n");
        Console.WriteLine("| row | work | against | ours | ratio | goal |\n|---|---|---:|---:|---:|---:|");
        foreach (var (name, work, goal, repeats, make) in Rows.Where(row => wanted.Count == 0 || wanted.Contains(row.Name)))
        {
            using var pair = make(batch);
            void Repeat(Action action)
            {
                for (var i = 0; i < repeats; i++) action();
            }

            var times = Contest.Run(rounds, () => Repeat(pair.A), () => Repeat(pair.B));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {work} | {pair.Against} {times[0] / repeats * 1000:F1} ms | {pair.Ours} {times[1] / repeats * 1000:F1} ms | {times[0] / times[1]:F2} | {goal} |"));
        }

        return 0;
    }

    private static Pair Steps(int batch, Trained against, Trained ours, Precision precision = Precision.Float32)
    {
        var (a, b) = (new TrainingStep(against, batch), new TrainingStep(ours, batch, precision: precision));
        return new Pair(against.ToString(), ours.ToString(), () => a.Step(), () => b.Step(), a, b);
    }

    private static Pair CachedPrefix(int batch)
    {
        var (a, b) = (new TrainingStep(Trained.Lora, batch), new CachedPrefixStep(batch));
        return new Pair("Lora", "LoraTop4, cached", () => a.Step(), b.Step, a, b);
    }

    private static Pair Inference(int batch, ScalarType? type)
    {
        var plain = new Plain.PlainVit(lora: false);
        var ours = new VisionTransformer(ViTConfig.Base16);
        ours.InjectLora(TrainingStep.Paper).MergeAndRemove();
        var images = rand(batch, 3, 224, 224);
        var typed = type is { } half ? images.to(half) : images;
        if (type is { } to) ours.to(to);
        plain.eval();
        ours.eval();
        void Pass(nn.Module<Tensor, Tensor> model, Tensor input)
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            model.call(input);
        }

        return new Pair("plain", "merged", () => Pass(plain, images), () => Pass(ours, typed), plain, ours);
    }

    private static Pair Routed()
    {
        const int Samples = 16;
        VisionTransformer Made(int adapters)
        {
            var vit = new VisionTransformer(ViTConfig.Base16);
            for (var i = 0; i < adapters; i++)
                vit.InjectLora(TrainingStep.Paper with { Seed = (ulong)i }, $"site{i}");
            vit.eval();
            return vit;
        }

        var (one, many) = (Made(1), Made(Samples));
        var images = rand(Samples, 3, 224, 224);
        void Pass(VisionTransformer vit, bool route)
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            using var routing = route ? vit.Adapters().Route([.. Enumerable.Range(0, Samples).Select(i => $"site{i}")]) : null;
            vit.call(images);
        }

        return new Pair("one", "sixteen", () => Pass(one, false), () => Pass(many, true), one, many);
    }

    private static Pair OptimizerSteps()
    {
        var both = new OptimizerBenchmarks();
        both.Setup();
        return new Pair("TorchSharp", "ours", both.TorchSharp, both.Library, both);
    }

    private sealed record Pair(string Against, string Ours, Action A, Action B, params IDisposable[] Owned) : IDisposable
    {
        public void Dispose()
        {
            foreach (var one in Owned) one.Dispose();
        }
    }
}
