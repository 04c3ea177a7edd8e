using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>A step as <see cref="TrainingStep"/> of <see cref="Trained.LoraTop4"/>, from batches that a <see cref="FrozenPrefixCache"/> on the disk gives; reading them is part of the step.</summary>
internal sealed class CachedPrefixStep : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft-prefix-").FullName;
    private readonly VisionTransformer _vit = new(ViTConfig.Base16 with { DropPath = .1 });
    private readonly ImageLoader _loader;
    private readonly CachedBatches _batches;
    private readonly FrozenPrefix _prefix;
    private readonly optim.Optimizer _optimizer;
    private readonly IEnumerator<ImageBatch> _next;

    /// <summary>Makes the model, some images, and what its first 8 blocks give for them.</summary>
    public CachedPrefixStep(int batch)
    {
        _vit.InjectLora(TrainingStep.Paper with { Within = ["blocks.8..11"] });
        var options = new TrainingOptions { TrainPipeline = ImagePipeline.Evaluate(224, Normalization.Mrm), FrozenPrefixCache = new(Path.Combine(_folder, "cache")) };
        _prefix = FrozenPrefix.Of(_vit, options)!;
        var data = Images(4 * batch);
        _loader = new ImageLoader(data, options.TrainPipeline, new ImageLoaderOptions { BatchSize = batch, Shuffle = true });
        _batches = new CachedBatches(_prefix, data, _loader, options, CPU);
        _batches.Fill(_vit, (_, _, _) => { }, CancellationToken.None);
        _vit.train();
        _optimizer = optim.SGD(_vit.parameters().Where(p => p.requires_grad).ToList(), learningRate: .01, momentum: .9);
        _next = Epochs().GetEnumerator();
    }

    /// <summary>Reading, forward, backward and optimizer.</summary>
    public void Step()
    {
        using var scope = NewDisposeScope();
        _next.MoveNext();
        using var batch = _next.Current;
        _vit.zero_grad(true);
        var loss = nn.functional.binary_cross_entropy_with_logits(_prefix.Score(batch.Images), batch.Labels);
        loss.backward();
        _optimizer.step();
        loss.item<float>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _next.Dispose();
        _optimizer.Dispose();
        _batches.Dispose();
        _loader.Dispose();
        _vit.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private IEnumerable<ImageBatch> Epochs()
    {
        for (var epoch = 0; ; epoch++)
            foreach (var (_, batch) in _batches.EpochFrom(epoch, 0, CancellationToken.None)) yield return batch;
    }

    private ImageDataset Images(int count)
    {
        var random = new SampleRandom(1);
        var records = new List<ImageRecord>();
        for (var i = 0; i < count; i++)
        {
            var pixels = new byte[224 * 224];
            for (var p = 0; p < pixels.Length; p++) pixels[p] = (byte)random.NextInt(0, 255);
            var path = Path.Combine(_folder, $"{i}.png");
            new PixelImage(224, 224, 1, pixels).SavePng(path);
            records.Add(new ImageRecord { Path = path, Labels = [.. Enumerable.Range(0, 14).Select(label => (float)((i + label) % 2))] });
        }

        return new ImageDataset("noise", [.. Enumerable.Range(0, 14).Select(label => $"label {label}")], records);
    }
}
