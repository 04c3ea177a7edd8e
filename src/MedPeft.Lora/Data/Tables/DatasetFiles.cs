namespace MedPeft.Lora.Data.Tables;

/// <summary>The steps that every reader shares: the root, the list, and where the images lie.</summary>
internal static class DatasetFiles
{
    /// <summary>The root as a full path.</summary>
    public static string Root(string root)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        if (Directory.Exists(full)) return full;
        throw File.Exists(full)
            ? new DatasetException(full, "is a file; the data set's folder belongs here.")
            : new DatasetException(full, "does not exist. Give the data set's folder; check the spelling and that the disk is mounted.");
    }

    /// <summary>A list by its name below the root, or by its path.</summary>
    public static string List(string root, string list)
    {
        var below = Path.GetFullPath(list, root);
        if (File.Exists(below)) return below;
        var given = Path.GetFullPath(list);
        if (File.Exists(given)) return given;
        var lists = Directory.EnumerateFiles(root, "*.txt").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).ToArray();
        throw new DatasetException(below, "does not exist. " + (lists.Length == 0 ? "The root holds no lists (*.txt)." : $"Lists in the root: {Quoted.Some(lists, lists.Length, 10)}."));
    }

    /// <summary>The first of some files that the root holds, or null.</summary>
    public static string? Optional(string root, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (File.Exists(Path.Join(root, name))) return Path.Join(root, name);
        return null;
    }

    /// <summary>Turns relative paths into full ones and deals with images that are not on disk.</summary>
    public static ImageDataset Locate(
        string name, IReadOnlyList<string> labels, IReadOnlyList<ImageRecord> records, ImageFolders folders, string root, string source, MissingImages missingImages)
    {
        var found = new List<ImageRecord>(records.Count);
        var missing = new List<string>();
        foreach (var record in records)
        {
            var path = folders.Find(record.Path);
            if (path is null && missingImages == MissingImages.Keep) path = Path.Join(root, record.Path);
            if (path is null) missing.Add(record.Path);
            else found.Add(record with { Path = path });
        }

        if (missing.Count > 0 && (missingImages == MissingImages.Raise || found.Count == 0))
            throw new DatasetException(
                root,
                $"lacks {Quoted.Number(missing.Count)} of the {Quoted.Number(records.Count)} images that {Quoted.Of(Path.GetFileName(source))} names: {Quoted.Some(missing, missing.Count)}. "
                + $"Looked in {Looked(folders, root)}. "
                + (found.Count == 0 ? "Check the root and that the archives are unpacked." : "Complete the download, or pass MissingImages.Skip to use what is there."));
        return new ImageDataset(name, labels, [.. found], missing);
    }

    private static string Looked(ImageFolders folders, string root)
        => Quoted.Some(folders.Bases.Select(f => f == root ? "the root itself" : Path.GetRelativePath(root, f).Replace('\\', '/')), folders.Bases.Count, 4);
}
