using System.Text;

namespace MedPeft.Lora.Data.Tables;

/// <summary>A text file, plain or gzip, read as strict UTF-8. Whatever goes wrong becomes a <see cref="DatasetException"/>.</summary>
internal sealed class TextSource : IDisposable
{
    // The largest table known here (MIMIC-CXR's) has 100 MB; a gzip file of 10 MB could unfold to 10 GB.
    private const long MostCharacters = 1L << 30;

    private readonly StreamReader _reader;
    private long _characters;

    private TextSource(string path, StreamReader reader) => (File, _reader) = (path, reader);

    /// <summary>The file's path.</summary>
    public string File { get; }

    public static TextSource Open(string path)
    {
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            var start = new byte[512];
            var length = stream.ReadAtLeast(start, start.Length, false);
            stream.Position = 0;
            var packed = start is [0x1F, 0x8B, ..];
            if (!packed) RefuseOtherKinds(path, start.AsSpan(0, length));
            return new TextSource(path, new StreamReader(packed ? new WholeGzipStream(stream) : stream, new UTF8Encoding(false, true), false, 1 << 16));
        }
        catch (Exception e)
        {
            stream?.Dispose();
            throw e is DatasetException ? e : Failure(path, e) ?? e;
        }
    }

    /// <summary>Reads on.</summary>
    /// <returns>The number of characters; 0 at the end.</returns>
    public int Read(Span<char> buffer)
    {
        try
        {
            var read = _reader.Read(buffer);
            var first = _characters == 0;
            _characters += read;
            if (_characters > MostCharacters)
                throw new DatasetException(
                    File, $"unfolds to more than {Quoted.Number(MostCharacters)} characters; no table or list is that long. Check the file, or split it.");
            if (!first || read == 0 || buffer[0] != '\uFEFF') return read;
            // A byte order mark, as Excel writes it, is no part of the first name.
            buffer[1..read].CopyTo(buffer);
            return read > 1 ? read - 1 : Read(buffer);
        }
        catch (Exception e) when (e is not DatasetException && Failure(File, e) is { } failure)
        {
            throw failure;
        }
    }

    public void Dispose() => _reader.Dispose();

    private static DatasetException? Failure(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => new(path, "does not exist. Check the path.", innerException: e),
        _ when Directory.Exists(path) => new(path, "is a folder; a file belongs here.", innerException: e),
        DecoderFallbackException => new(path, "is not UTF-8 text. Save it as UTF-8 (in Excel: 'CSV UTF-8').", innerException: e),
        InvalidDataException => new(path, "is a damaged or incomplete gzip file, or several in one. Fetch it again, or unpack it.", innerException: e),
        UnauthorizedAccessException or IOException or NotSupportedException => new(path, $"cannot be read: {e.Message}", innerException: e),
        _ => null,
    };

    private static void RefuseOtherKinds(string path, ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("PK\u0003\u0004"u8))
            throw new DatasetException(path, "is a ZIP archive or an Excel workbook, not text. Unpack it, or save the sheet as CSV.");
        if (start.StartsWith("version https://git-lfs"u8))
            throw new DatasetException(path, "is a git-lfs pointer, not the file itself. Run 'git lfs pull' where it came from.");
        var text = Encoding.Latin1.GetString(start).TrimStart('ï', '»', '¿', ' ', '\t', '\r', '\n');
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            throw new DatasetException(path, "is an HTML page, not a table or list: the download saved a login or error page. Fetch the file itself.");
    }
}
