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
    /// <param name="root">The root, a full path.</param>
    /// <param name="list">The name or path.</param>
    /// <param name="folders">Folders below the root in which it may lie as well.</param>
    public static string List(string root, string list, params ReadOnlySpan<string> folders)
    {
        var below = Path.GetFullPath(list, root);
        if (File.Exists(below)) return below;
        foreach (var folder in folders)
            if (Path.GetFullPath(list, Path.Join(root, folder)) is var deeper && File.Exists(deeper)) return deeper;
        var given = Path.GetFullPath(list);
        if (File.Exists(given)) return given;
        var lists = Directory.EnumerateFiles(root).Where(IsListOrTable).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).ToArray();
        throw new DatasetException(
            below,
            lists.Length == 0
                ? "does not exist. The root holds no list (*.txt) and no table (*.csv)."
                : $"does not exist. Lists and tables in the root: {Quoted.Some(lists, lists.Length, 10)}.");
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
        string name,
        IReadOnlyList<string> labels,
        IReadOnlyList<ImageRecord> records,
        ImageFolders folders,
        string root,
        string source,
        MissingImages missingImages)
    {
        var found = new List<ImageRecord>(records.Count);
        var missing = new List<string>();
        var paths = folders.Find([.. records.Select(r => r.Path)]);
        for (var i = 0; i < paths.Length; i++)
        {
            if (paths[i] is null && missingImages == MissingImages.Keep) paths[i] = Path.Join(root, records[i].Path);
            if (paths[i] is { } path) found.Add(records[i] with { Path = path });
            else missing.Add(records[i].Path);
        }

        if (missing.Count > 0 && (missingImages == MissingImages.Raise || found.Count == 0))
            throw new DatasetException(
                root,
                $"lacks {Quoted.Number(missing.Count)} of the {Quoted.Number(records.Count)} images that {Quoted.Of(Path.GetFileName(source))} names: "
                + $"{Quoted.Some(missing, missing.Count)}. "
                + $"Looked in {Looked(folders, root)}. "
                + (found.Count == 0
                    ? "Check the root and that the archives are unpacked."
                    : "Complete the download, or pass MissingImages.Skip to use what is there."));
        return new ImageDataset(name, labels, [.. found], missing);
    }

    /// <summary>Whether a file is a table by its name: .csv or .csv.gz.</summary>
    public static bool IsTable(string path)
        => path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".csv.gz", StringComparison.OrdinalIgnoreCase);

    private static bool IsListOrTable(string path) => IsTable(path) || path.EndsWith(".txt", StringComparison.OrdinalIgnoreCase);

    private static string Looked(ImageFolders folders, string root)
        => Quoted.Some(folders.Bases.Select(f => f == root ? "the root itself" : Path.GetRelativePath(root, f).Replace('\\', '/')), folders.Bases.Count, 4);
}
