using System.Collections.Concurrent;

namespace MedPeft.Lora.Data.Tables;

/// <summary>
/// Finds images by their relative paths. A folder of many images is listed once, because asking a network disk for 112,120 files one by
/// one takes minutes; where each study has a folder of its own (CheXpert), files are asked for, many at a time.
/// </summary>
internal sealed class ImageFolders
{
    private const int Deep = 3;
    private const int AtOnce = 16;

    private static readonly StringComparer Names = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
        ? StringComparer.OrdinalIgnoreCase
        : StringComparer.Ordinal;

    private static readonly EnumerationOptions AsTheyAre = new() { IgnoreInaccessible = false, AttributesToSkip = 0 };

    private readonly IReadOnlyList<string> _bases;
    private readonly ConcurrentDictionary<string, HashSet<string>> _listed = new(Names);

    /// <summary>Searches below folders, in their order.</summary>
    public ImageFolders(IEnumerable<string> bases) => _bases = [.. bases.Where(Directory.Exists)];

    /// <summary>The folders that exist.</summary>
    public IReadOnlyList<string> Bases => _bases;

    /// <summary>The files' full paths; null for those that no folder has.</summary>
    /// <param name="relative">Paths that <see cref="PathRules"/> let pass, normalised.</param>
    public string?[] Find(IReadOnlyList<string> relative)
    {
        var found = new string?[relative.Count];
        if (found.Length > 0 && relative[0].AsSpan().Count('/') >= Deep)
            Parallel.For(0, found.Length, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, i => found[i] = Ask(relative[i]));
        else
            for (var i = 0; i < found.Length; i++) found[i] = Find(relative[i]);
        return found;
    }

    /// <summary>The file's full path, or null if no folder has it.</summary>
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

    /// <summary>The names of the files in a folder, in ordinal order, from the first base that has any.</summary>
    public IReadOnlyList<string> FilesIn(string relative)
        => [.. _bases.Select(b => List(Path.Join(b, relative))).FirstOrDefault(f => f.Count > 0, []).Order(StringComparer.Ordinal)];

    private string? Ask(string relative)
    {
        foreach (var folder in _bases)
            if (Path.Join(folder, relative) is var path && File.Exists(path)) return path;
        return null;
    }

    private HashSet<string> List(string folder)
    {
        if (_listed.TryGetValue(folder, out var names)) return names;
        names = new HashSet<string>(Names);
        try
        {
            if (Directory.Exists(folder))
                foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", AsTheyAre)) names.Add(Path.GetFileName(entry));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(folder, $"cannot be listed: {e.Message}", innerException: e);
        }

        return _listed.GetOrAdd(folder, names);
    }
}
