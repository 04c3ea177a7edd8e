namespace MedPeft.Lora.Data.Tables;

/// <summary>Finds images by their relative paths. Each folder is listed once, because asking a network disk for 112,120 files one by one takes minutes.</summary>
internal sealed class ImageFolders
{
    private static readonly StringComparer Names = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
    private static readonly EnumerationOptions AsTheyAre = new() { IgnoreInaccessible = false, AttributesToSkip = 0 };

    private readonly IReadOnlyList<string> _bases;
    private readonly Dictionary<string, HashSet<string>> _listed = new(Names);

    /// <summary>Searches below folders, in their order.</summary>
    public ImageFolders(IEnumerable<string> bases) => _bases = [.. bases.Where(Directory.Exists)];

    /// <summary>The folders that exist.</summary>
    public IReadOnlyList<string> Bases => _bases;

    /// <summary>The file's full path, or null if no folder has it.</summary>
    /// <param name="relative">A path that <see cref="PathRules"/> let pass, normalised.</param>
    public string? Find(string relative)
    {
        var cut = relative.LastIndexOf('/');
        var name = cut < 0 ? relative : relative[(cut + 1)..];
        foreach (var folder in _bases)
        {
            var parent = cut < 0 ? folder : Path.Join(folder, relative[..cut]);
            if (List(parent).Contains(name)) return Path.Join(parent, name);
        }

        return null;
    }

    private HashSet<string> List(string folder)
    {
        if (_listed.TryGetValue(folder, out var names)) return names;
        names = new HashSet<string>(Names);
        try
        {
            foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", AsTheyAre)) names.Add(Path.GetFileName(entry));
        }
        catch (DirectoryNotFoundException)
        {
            // A folder that a path names and the disk lacks holds no images: the caller reports them together.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(folder, $"cannot be listed: {e.Message}", inner: e);
        }

        _listed.Add(folder, names);
        return names;
    }
}
