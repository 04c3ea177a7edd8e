using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// What must be the same for a run to go on where it was: each option that changes its numbers by name, and hashes of the images, the labels and the
/// frozen weights. Hashes and settings only: no path, no patient.
/// </summary>
internal static class RunIdentity
{
    public static IReadOnlyDictionary<string, string> Of(TrainingOptions options, Device device, nn.Module model, ImageDataset train, ImageDataset? validation)
    {
        var identity = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["training images"] = Data(train),
            ["frozen weights"] = Frozen(model),
            ["trained parameters"] = Hex(string.Join('\n', ParameterGroup.Trained(model).Select(entry => $"{entry.Name} {entry.Parameter.dtype} [{string.Join(',', entry.Parameter.shape)}]"))),
        };
        // Alpha or dropout leave no trace in names and shapes.
        if (LoraAdapter.Of(model) is { Count: > 0 } adapters) identity["adapters"] = Hex(string.Join('\n', adapters.Select(adapter => $"{adapter.Name} {adapter.Config}")));
        // Only where it is set, so that runs begun by a version without it go on.
        if (options.FrozenPrefixCache is { } cache) identity[nameof(options.FrozenPrefixCache)] = cache.Effect;
        if (validation is not null) identity["validation images"] = Data(validation);
        foreach (var (name, value) in Settings(options, device)) identity[name] = string.Create(CultureInfo.InvariantCulture, $"{value}");
        return identity;
    }

    /// <summary>Refuses to go on with something else.</summary>
    /// <exception cref="TrainingException">A setting, the images or the model differ.</exception>
    public static void Compare(string folder, IReadOnlyDictionary<string, string> then, IReadOnlyDictionary<string, string> now)
    {
        var different = now.Keys.Union(then.Keys).Where(name => then.GetValueOrDefault(name) != now.GetValueOrDefault(name)).Order(StringComparer.Ordinal).ToList();
        if (different.Count == 0) return;
        var described = different.Select(name => char.IsUpper(name[0])
            ? $"{name} was {then.GetValueOrDefault(name, "not set")} and is {now.GetValueOrDefault(name, "not set")}"
            : $"the {name} are others");
        throw new TrainingException(
            $"The run in '{folder}' cannot go on: {string.Join("; ", described)}. Give what it was started with, or choose another RunFolder to start anew.");
    }

    private static IEnumerable<(string Name, object? Value)> Settings(TrainingOptions o, Device device) =>
    [
        (nameof(o.Epochs), o.Epochs), (nameof(o.BatchSize), o.BatchSize), (nameof(o.MicroBatchSize), o.MicroBatchSize), (nameof(o.Optimizer), o.Optimizer),
        (nameof(o.LearningRate), o.LearningRate), (nameof(o.MinLearningRate), o.MinLearningRate), (nameof(o.WarmupEpochs), o.WarmupEpochs),
        (nameof(o.Momentum), o.Momentum), (nameof(o.Beta1), o.Beta1), (nameof(o.Beta2), o.Beta2), (nameof(o.WeightDecay), o.WeightDecay),
        (nameof(o.LayerDecay), o.LayerDecay), (nameof(o.LoraPlusRatio), o.LoraPlusRatio), (nameof(o.DecayAdapters), o.DecayAdapters),
        (nameof(o.ClipNorm), o.ClipNorm), (nameof(o.EmaDecay), o.EmaDecay), (nameof(o.LabelSmoothing), o.LabelSmoothing), (nameof(o.Mixup), o.Mixup),
        (nameof(o.PositiveWeights), o.PositiveWeights is null ? "none" : string.Join(", ", o.PositiveWeights.Select(w => w.ToString("R", CultureInfo.InvariantCulture)))),
        (nameof(o.Patience), o.Patience), (nameof(o.KeepBest), o.KeepBest), (nameof(o.DropLast), o.DropLast), (nameof(o.Seed), o.Seed), (nameof(o.Defects), o.Defects),
        (nameof(o.Precision), o.Precision), (nameof(o.TensorFloat32), o.TensorFloat32), (nameof(o.LossScale), o.LossScale), (nameof(o.Device), device.type),
        (nameof(o.TrainPipeline), o.Training), (nameof(o.EvaluationPipeline), o.Evaluation), (nameof(o.OnBadImage), o.OnBadImage),
    ];

    // The end of a path, so that the data may lie elsewhere when the run goes on; CheXpert's file names alone are all alike.
    private static string Data(ImageDataset data)
    {
        var text = new StringBuilder();
        text.AppendJoin('\t', data.Labels).Append('\n');
        foreach (var record in data)
        {
            text.AppendJoin('/', record.Path.Split('/', '\\').TakeLast(3)).Append('\t');
            text.AppendJoin(',', record.Labels.Select(label => label.ToString(CultureInfo.InvariantCulture))).Append('\n');
        }

        return Hex(text.ToString());
    }

    private static string Frozen(nn.Module model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (parameter.requires_grad) continue;
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            TensorHash.Append(hash, parameter);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Hex(string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
