using MedPeft.Lora.Data;

namespace MedPeft.Lora.Training;

/// <summary>Names images so that a user finds them, without where the data lies.</summary>
internal static class RelativePaths
{
    /// <summary>The paths of some images below the folder that all images of the set have in common.</summary>
    public static IReadOnlyList<string> Of(ImageDataset data, IReadOnlyList<int> indices)
    {
        var common = Path.GetDirectoryName(Path.GetFullPath(data[0].Path)) ?? "";
        foreach (var record in data)
        {
            var path = Path.GetFullPath(record.Path);
            while (common.Length > 0 && !path.StartsWith(Path.TrimEndingDirectorySeparator(common) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                common = Path.GetDirectoryName(common) ?? "";
        }

        return [.. indices.Select(index => common.Length == 0 ? Path.GetFileName(data[index].Path) : Path.GetRelativePath(common, Path.GetFullPath(data[index].Path)))];
    }
}
