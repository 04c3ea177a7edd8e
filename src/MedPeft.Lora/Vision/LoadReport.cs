namespace MedPeft.Lora.Vision;

/// <summary>What became of the entries of a checkpoint and of the parameters of a model.</summary>
/// <param name="Layout">Whose names the checkpoint follows.</param>
/// <param name="Loaded">Parameters of the model that were filled.</param>
/// <param name="LeftOver">Entries of the checkpoint that the model has no place for: a decoder, a head, a norm that its pooling does not use.</param>
/// <param name="NewlyInitialized">Parameters of the model that the checkpoint has no entry for, left as they were made.</param>
/// <param name="Interpolated">What was fitted to another grid, in words; null where nothing was.</param>
public sealed record LoadReport(
    BackboneLayout Layout, IReadOnlyList<string> Loaded, IReadOnlyList<string> LeftOver, IReadOnlyList<string> NewlyInitialized, string? Interpolated)
{
    /// <summary>The report in a few lines.</summary>
    public override string ToString()
    {
        var lines = new List<string> { $"{Layout} checkpoint: {Loaded.Count} parameters loaded" };
        if (NewlyInitialized.Count > 0) lines.Add($"newly initialised: {string.Join(", ", NewlyInitialized)}");
        if (LeftOver.Count > 0) lines.Add($"left over: {string.Join(", ", LeftOver.Take(8))}{(LeftOver.Count > 8 ? $", … ({LeftOver.Count})" : "")}");
        if (Interpolated is not null) lines.Add(Interpolated);
        return string.Join(Environment.NewLine, lines);
    }
}
