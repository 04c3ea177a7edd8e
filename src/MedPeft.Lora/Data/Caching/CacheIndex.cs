namespace MedPeft.Lora.Data.Caching;

/// <summary>All finished files of a cache and what they hold. Never changed: <see cref="Refreshed"/> makes a larger one, so readers need no lock.</summary>
internal sealed class CacheIndex : IDisposable
{
    private readonly string _folder;
    private readonly CacheFormat _format;
    private readonly byte[] _header;
    private readonly Dictionary<string, CacheSegment?> _segments;
    private readonly Dictionary<UInt128, CachedImage> _byContent = [];
    private readonly Dictionary<UInt128, CacheEntry> _byPath = [];

    private CacheIndex(string folder, CacheFormat format, byte[] header, Dictionary<string, CacheSegment?> segments)
    {
        (_folder, _format, _header, _segments) = (folder, format, header, segments);
        foreach (var segment in segments.Values.OfType<CacheSegment>())
        {
            for (var i = 0; i < segment.Entries.Count; i++)
            {
                var entry = segment.Entries[i];
                if (entry.Offset >= 0 && _byContent.TryAdd(entry.Content, new CachedImage(segment, i))) Bytes += entry.Bytes;
                // Of two notes about a path the later one holds.
                if (!_byPath.TryGetValue(entry.PathKey, out var other) || other.Time <= entry.Time) _byPath[entry.PathKey] = entry;
            }
        }
    }

    public int Count => _byContent.Count;

    public long Bytes { get; }

    public static CacheIndex Empty(string folder, CacheFormat format, string key) => new(folder, format, SegmentWriter.Header(format, key), []);

    /// <summary>The index with the files that were finished since, by whichever process.</summary>
    public CacheIndex Refreshed()
    {
        var segments = new Dictionary<string, CacheSegment?>(_segments);
        foreach (var path in Directory.EnumerateFiles(_folder, "*" + _format.Extension).Order(StringComparer.Ordinal))
            if (!segments.ContainsKey(path)) segments.Add(path, CacheSegment.Open(path, _format, _header));
        return segments.Count == _segments.Count ? this : new CacheIndex(_folder, _format, _header, segments);
    }

    /// <summary>The image of a file: by its content if that is known, else by path, length and time. A file that is gone is found by its path alone.</summary>
    public CachedImage? Find(SourceFile file)
    {
        if (file.Content is { } content) return _byContent.GetValueOrDefault(content);
        if (!_byPath.TryGetValue(file.PathKey, out var entry)) return null;
        return !file.Exists || (entry.Length == file.Length && entry.Time == file.Time) ? _byContent.GetValueOrDefault(entry.Content) : null;
    }

    public void Dispose()
    {
        foreach (var segment in _segments.Values) segment?.Dispose();
    }
}
