using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

/// <summary>What filling a cache did.</summary>
/// <param name="Added">Images decoded and added.</param>
/// <param name="Reused">Images that were there already.</param>
/// <param name="AddedBytes">Bytes of the added pixels.</param>
/// <param name="Skipped">Images left out because they cannot be read.</param>
public sealed record PixelCacheReport(int Added, int Reused, long AddedBytes, IReadOnlyList<SkippedImage> Skipped)
{
    /// <summary>Prints the numbers.</summary>
    public override string ToString()
        => $"{Quoted.Number(Added)} images added ({Quoted.Number(AddedBytes)} bytes), {Quoted.Number(Reused)} were there"
            + (Skipped.Count == 0 ? "" : $", {Quoted.Number(Skipped.Count)} skipped");
}
