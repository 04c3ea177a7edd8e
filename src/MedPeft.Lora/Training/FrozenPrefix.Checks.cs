using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Checkpoints.Adapters;
using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

internal sealed partial class FrozenPrefix
{
    private static void CheckOptions(TrainingOptions options, FrozenPrefixCache cache)
    {
        if (options.Mixup > 0)
            throw new TrainingException(FormattableString.Invariant(
                $"FrozenPrefixCache needs training images that are the same in every epoch, and Mixup = {options.Mixup} makes new ones of them. Set Mixup to 0, or FrozenPrefixCache to null."));
        if (options.Defects.HasFlag(ReferenceDefects.MergeWhenScoring))
            throw new TrainingException(
                "FrozenPrefixCache needs frozen weights that stay as they are, and the defect MergeWhenScoring lets them drift. Leave the defect out, or set FrozenPrefixCache to null.");
        if (options.Read is { } read && PixelCache.KeyOf(read) is null && cache.Version.Length == 0)
            throw new TrainingException(
                "FrozenPrefixCache cannot see what the function in Read makes of an image. Name it in FrozenPrefixCache.Version, and change the name whenever it does something else.");
        FixedPipeline.Demand(options.Training);
    }

    /// <summary>The first block with a trained parameter that has a part in the model's passes.</summary>
    private static int FirstTrained(nn.Module model, IBlockStack stack)
    {
        var idle = Adapters(model).Where(entry => !entry.Layer.TakesPart).SelectMany(entry => entry.Layer.Adapter).Select(entry => entry.Value.Handle).ToHashSet();
        var trained = model.named_parameters().Where(entry => entry.parameter.requires_grad && !idle.Contains(entry.parameter.Handle))
            .Select(entry => (Name: entry.name, entry.parameter.Handle, Place: stack.PlaceOf(entry.name))).OrderBy(entry => entry.Place).ToList();
        if (trained is not [var lowest, ..]) return stack.Blocks;
        if (lowest.Place > 0) return lowest.Place;
        if (lowest.Place < 0)
            throw new TrainingException(
                $"FrozenPrefixCache keeps what the frozen blocks below the first trained one give, and '{lowest.Name}' in front of them trains. " +
                $"Freeze it: adapters do, as do requires_grad = false and {Advice(stack)}. Or set FrozenPrefixCache to null.");
        if (Adapters(model).Any(entry => entry.Layer is PromptLayer && entry.Layer.Adapter.Any(parameter => parameter.Value.Handle == lowest.Handle)))
            throw new TrainingException(
                $"FrozenPrefixCache keeps what the frozen blocks below the first trained one give, and trained prompts enter the first block. Let them enter later: {Advice(stack)}. Or set FrozenPrefixCache to null.");
        throw new TrainingException(
            $"FrozenPrefixCache keeps what the frozen blocks below the first trained one give, and the first block itself trains ('{lowest.Name}'). " +
            (stack.Blocks == 1 ? "A model of one block has nothing below it: set FrozenPrefixCache to null." : $"Adapt the last blocks alone: {Advice(stack)}. Or set FrozenPrefixCache to null."));
    }

    private static string Advice(IBlockStack stack)
    {
        var frozen = Math.Max(1, stack.Blocks * 2 / 3);
        var within = frozen == stack.Blocks - 1 ? $"blocks.{frozen}" : $"blocks.{frozen}..{stack.Blocks - 1}";
        return $"Within = [\"{within}\"] in the adapter's configuration makes the first {frozen} of {stack.Blocks} blocks frozen";
    }

    private static IEnumerable<(AdapterConfig Config, AdapterLayer Layer)> Adapters(nn.Module model) =>
        LoraAdapter.Of(model).SelectMany(adapter => adapter.Entries.Select(entry => (adapter.Config, entry.Layer)));

    /// <summary>All that decides what is kept for an image, as text.</summary>
    private string Key(nn.Module model, Device device)
    {
        var pipeline = _options.Training;
        var read = _options.Read is { } way ? PixelCache.KeyOf(way) ?? "" : "";
        return FormattableString.Invariant(
            $"MedPeft.Lora frozen prefix 1; {Cache.Effect}; {device.type}{(_options.TensorFloat32 ? " TF32" : "")}; {pipeline}, {pipeline.Channels}x{pipeline.Size}; {read}; {_stack.ShapeBelow(Blocks)}; {Weights(model)}");
    }

    // Adapters that are merged are in the weights, and those that have no part in a pass decide nothing. What an active one computes is its
    // parameters and its configuration; the random projections of VeRA follow from that too.
    private string Weights(nn.Module model)
    {
        var adapters = Adapters(model).Select(entry => (entry.Config, entry.Layer, Own: entry.Layer.Adapter.Select(parameter => parameter.Value.Handle).ToHashSet())).ToList();
        var idle = adapters.Where(entry => !entry.Layer.TakesPart).SelectMany(entry => entry.Own).ToHashSet();
        var below = model.named_parameters().Select(entry => (Name: entry.name, Value: (Tensor)entry.parameter))
            .Concat(model.named_buffers().Select(entry => (Name: entry.name, Value: entry.buffer)))
            .Where(entry => _stack.PlaceOf(entry.Name) < Blocks && !idle.Contains(entry.Value.Handle)).ToList();
        var text = new StringBuilder();
        foreach (var (name, hash) in BaseFingerprint.Of([.. below.Select(entry => KeyValuePair.Create(entry.Name, entry.Value))]).Hashes) text.Append(name).Append(' ').Append(hash).Append('\n');
        foreach (var (config, layer, own) in adapters)
            if (layer.TakesPart && below.Find(entry => own.Contains(entry.Value.Handle)).Name is { } name)
                text.Append(name).Append(' ').Append(config).Append('\n');
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 16));
    }
}
