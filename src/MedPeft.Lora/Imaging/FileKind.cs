namespace MedPeft.Lora.Imaging;

/// <summary>Says what a file is that is neither PNG nor JPEG nor DICOM: most of them come from downloads that went wrong.</summary>
internal static class FileKind
{
    /// <summary>The end of a sentence that starts with the file's name.</summary>
    public static string Describe(ReadOnlySpan<byte> data)
    {
        var text = SkipBlank(data);
        if (StartsWith(text, "<!doctype html") || StartsWith(text, "<html"))
            return "is an HTML page, not an image: the download saved a login or error page. Fetch the file itself.";
        if (text.StartsWith("version https://git-lfs"u8)) return "is a git-lfs pointer, not an image. Run 'git lfs pull' where it came from.";
        var kind = Name(data);
        return kind is null
            ? $"is no PNG, JPEG or DICOM image: it starts with {Convert.ToHexString(data[..Math.Min(8, data.Length)])}. Convert it, or leave it out of the list."
            : $"is {kind}; PNG, JPEG and DICOM are read here. Convert it, or leave it out of the list.";
    }

    private static string? Name(ReadOnlySpan<byte> data) => data switch
    {
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => "a GIF image",
        [(byte)'B', (byte)'M', _, _, _, _, 0, 0, 0, 0, ..] => "a BMP image",
        [(byte)'I', (byte)'I', 42, 0, ..] or [(byte)'M', (byte)'M', 0, 42, ..] => "a TIFF image",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "a WebP image",
        [0, 0, 0, 12, (byte)'j', (byte)'P', ..] or [0xFF, 0x4F, 0xFF, 0x51, ..] => "a JPEG 2000 image",
        [(byte)'P', (byte)'K', 3, 4, ..] => "a ZIP archive",
        [0x1F, 0x8B, ..] => "a gzip archive",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "a PDF document",
        _ when data.IndexOfAnyExcept((byte)0) < 0 => "a run of zero bytes, as an interrupted copy leaves it",
        _ => null,
    };

    private static ReadOnlySpan<byte> SkipBlank(ReadOnlySpan<byte> data)
    {
        if (data is [0xEF, 0xBB, 0xBF, ..]) data = data[3..];
        return data.TrimStart(" \t\r\n"u8);
    }

    private static bool StartsWith(ReadOnlySpan<byte> data, string text)
    {
        if (data.Length < text.Length) return false;
        for (var i = 0; i < text.Length; i++)
            if (char.ToLowerInvariant((char)data[i]) != text[i]) return false;
        return true;
    }
}
