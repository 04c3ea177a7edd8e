namespace MedPeft.Lora.Data.Caching;

/// <summary>What tells the files of one kind of cache from those of another.</summary>
internal sealed class CacheFormat
{
    private readonly string _name, _remedy;
    private readonly int[] _channels;

    private CacheFormat(string extension, ulong start, ulong end, string name, string remedy, params int[] channels)
    {
        (Extension, Start, End) = (extension, start, end);
        (_name, _remedy, _channels) = (name, remedy, channels);
    }

    /// <summary>Images of 8-bit pixels: width, height, channels.</summary>
    public static CacheFormat Pixels { get; } = new(
        ".pixels", 0x4C45_5849_5044_454D, 0x444E_4558_4950_444D, "pixel cache", "its images are decoded again when they are next added", 1, 3); // "MEDPIXEL", "MDPIXEND"

    /// <summary>Numbers of tokens: numbers of a token, tokens, bytes of a number.</summary>
    public static CacheFormat Tokens { get; } = new(
        ".tokens", 0x4E45_4B4F_5444_454D, 0x444E_454B_4F54_444D, "frozen-prefix cache", "its images are computed again by the next run", 2, 4); // "MEDTOKEN", "MDTOKEND"

    /// <summary>How the names of the files end.</summary>
    public string Extension { get; }

    /// <summary>First eight bytes of a file.</summary>
    public ulong Start { get; }

    /// <summary>Eight bytes near the end of a file that is whole.</summary>
    public ulong End { get; }

    /// <summary>Whether an entry's sizes are possible ones.</summary>
    public bool Fits(CacheEntry entry) =>
        entry.Width > 0 && entry.Height > 0 && _channels.Contains(entry.Channels) && (long)entry.Width * entry.Height <= Array.MaxLength / _channels[^1];

    /// <summary>The error about a file that is not what it should be.</summary>
    public DatasetException Damaged(string path, string how) => new(path, $"is a damaged file of the {_name}: {how}. Delete it; {_remedy}.");
}
