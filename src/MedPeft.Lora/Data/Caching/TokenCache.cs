namespace MedPeft.Lora.Data.Caching;

/// <summary>Numbers that a model gives for images, kept as <see cref="PixelCache"/> keeps pixels: by the images' content, in memory-mapped files that are whole or not there.</summary>
internal sealed class TokenCache : IDisposable
{
    private readonly string _folder, _key;
    private readonly long _fileBytes;
    private CacheIndex _index;

    private TokenCache(string folder, string key, (int Numbers, int Tokens, int NumberBytes) size, long fileBytes)
    {
        (_folder, _key, Size, _fileBytes) = (folder, key, size, fileBytes);
        _index = CacheIndex.Empty(folder, CacheFormat.Tokens, key).Refreshed();
    }

    /// <summary>Numbers of a token, tokens of an image, bytes of a number.</summary>
    public (int Numbers, int Tokens, int NumberBytes) Size { get; }

    /// <summary>Bytes of an image.</summary>
    public long Bytes => (long)Size.Numbers * Size.Tokens * Size.NumberBytes;

    /// <summary>Opens a cache.</summary>
    /// <param name="folder">Where it lies; made if it does not exist.</param>
    /// <param name="key">All that decides the numbers, as text; caches of different keys share a folder without meeting.</param>
    /// <param name="size">Numbers of a token, tokens of an image, bytes of a number.</param>
    /// <param name="fileBytes">Bytes in a file; what is not yet a whole file is lost in a crash.</param>
    /// <exception cref="DatasetException">A file of the cache is damaged, or the folder cannot be used.</exception>
    public static TokenCache Open(string folder, string key, (int Numbers, int Tokens, int NumberBytes) size, long fileBytes) =>
        CacheFolder.Open(folder, full => new TokenCache(full, key, size, fileBytes));

    /// <summary>Where an image's numbers lie; null if they are not there.</summary>
    public CachedImage? Find(SourceFile source) => _index.Find(source);

    /// <summary>Lets one process at a time write; what it has appended stays, also if it fails.</summary>
    /// <exception cref="DatasetException">The cache cannot be written: no space, no permission.</exception>
    public void Fill(Action<SegmentWriter> fill, CancellationToken cancellationToken) => CacheFolder.Write(
        _folder,
        "run again",
        () =>
        {
            _index = _index.Refreshed();
            try
            {
                using var writer = new SegmentWriter(_folder, CacheFormat.Tokens, _key, _fileBytes);
                try
                {
                    fill(writer);
                }
                finally
                {
                    writer.Commit();
                }
            }
            finally
            {
                _index = _index.Refreshed();
            }

            return true;
        },
        cancellationToken);

    public void Dispose() => _index.Dispose();
}
