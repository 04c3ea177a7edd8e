namespace MedPeft.Lora.Data;

/// <summary>How far a cache is filled.</summary>
/// <param name="Done">Images looked at.</param>
/// <param name="Total">Images in the data set.</param>
/// <param name="Added">Images decoded and added so far.</param>
public sealed record PixelCacheProgress(int Done, int Total, int Added);
