using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Parameters that share a factor on the learning rate and a weight decay.</summary>
/// <param name="Parameters">Names and parameters, in the order of the model.</param>
/// <param name="Scale">Factor on the learning rate.</param>
/// <param name="WeightDecay">Weight decay.</param>
internal sealed record ParameterGroup(IReadOnlyList<(string Name, Parameter Parameter)> Parameters, double Scale, double WeightDecay)
{
    /// <summary>Groups what a model trains by depth and by whether it is decayed.</summary>
    /// <exception cref="TrainingException">Nothing trains, or layer decay is asked of a model without numbered blocks.</exception>
    public static IReadOnlyList<ParameterGroup> Of(nn.Module model, TrainingOptions options)
    {
        var trained = Trained(model);
        if (trained.Count == 0)
            throw new TrainingException("No parameter of the model requires a gradient, so nothing would be trained. Inject adapters, or set requires_grad on what should train.");

        var depth = options.LayerDecay == 1 ? 0 : Depth(model);
        return [.. trained
            .Select(entry => (
                Entry: entry,
                Scale: ScaleOf(entry.Name, depth, options.LayerDecay) * (IsHighFactor(entry.Name) ? options.LoraPlusRatio : 1),
                Decay: Decays(entry) && (options.DecayAdapters || !IsFactor(entry.Name)) ? options.WeightDecay : 0))
            .GroupBy(entry => (entry.Scale, entry.Decay), entry => entry.Entry)
            .Select(group => new ParameterGroup([.. group], group.Key.Scale, group.Key.Decay))];
    }

    /// <summary>What a model trains, each parameter once though several modules may share it.</summary>
    public static IReadOnlyList<(string Name, Parameter Parameter)> Trained(nn.Module model)
    {
        var seen = new HashSet<IntPtr>();
        return [.. model.named_parameters().Where(entry => entry.parameter.requires_grad && seen.Add(entry.parameter.Handle)).Select(entry => (entry.name, entry.parameter))];
    }

    private static bool Decays((string Name, Parameter Parameter) entry) =>
        entry.Parameter.dim() > 1 && entry.Name is not ("pos_embed" or "cls_token") && !Named(entry.Name, "ia3_l", "lora_E"); // factors of scale, though PEFT's shapes have two dimensions

    // The names that PEFT gives to the two factors.
    private static bool IsHighFactor(string name) => Named(name, "lora_B", "lora_embedding_B");

    private static bool IsFactor(string name) => IsHighFactor(name) || Named(name, "lora_A", "lora_embedding_A");

    // lora_A, lora_A.weight, or with the adapter's name lora_A.nih.weight.
    private static bool Named(string name, params ReadOnlySpan<string> parameters)
    {
        foreach (var part in name.Split('.').TakeLast(3))
            if (parameters.Contains(part)) return true;
        return false;
    }

    private static int Depth(nn.Module model)
    {
        var depth = model.named_parameters().Max(entry => BlockOf(entry.name) + 1);
        return depth > 0 ? depth : throw new TrainingException(
            "LayerDecay needs numbered blocks (parameters named blocks.0. …), which this model has not. Set LayerDecay to 1.");
    }

    // The embedding is layer 0, block i is layer i + 1, whatever follows the blocks is layer L + 1 and learns at the full rate.
    private static double ScaleOf(string name, int depth, double decay)
    {
        if (depth == 0) return 1;
        var block = BlockOf(name);
        var layer = block >= 0 ? block + 1
            : name is "cls_token" or "pos_embed" || name.StartsWith("patch_embed.", StringComparison.Ordinal) ? 0 : depth + 1;
        return Math.Pow(decay, depth + 1 - layer);
    }

    private static int BlockOf(string name)
    {
        if (!name.StartsWith("blocks.", StringComparison.Ordinal)) return -1;
        var end = name.IndexOf('.', "blocks.".Length);
        return end > 0 && int.TryParse(name.AsSpan("blocks.".Length, end - "blocks.".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var block) ? block : -1;
    }
}
