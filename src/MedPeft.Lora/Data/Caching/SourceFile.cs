using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>What identifies an image file: its path, length and time of change without reading it, and its content where it was read.</summary>
/// <param name="PathKey">The hash of the full path.</param>
/// <param name="Length">Bytes; -1 if there is no such file.</param>
/// <param name="Time">The time of the last change, in ticks of UTC.</param>
/// <param name="Content">The hash of the bytes; null if they were not read.</param>
internal sealed record SourceFile(UInt128 PathKey, long Length, long Time, UInt128? Content)
{
    public bool Exists => Length >= 0;

    /// <summary>Looks at a file without reading it.</summary>
    public static SourceFile Look(string path)
    {
        var file = new FileInfo(path);
        var key = Hash(Encoding.UTF8.GetBytes(Path.GetFullPath(path)));
        return file.Exists ? new SourceFile(key, file.Length, file.LastWriteTimeUtc.Ticks, null) : new SourceFile(key, -1, 0, null);
    }

    /// <summary>Reads a file.</summary>
    public static SourceFile Read(string path, out byte[] bytes)
    {
        // Looked at before it is read: a change in between is then noticed the next time.
        var file = Look(path);
        if (file.Length > ImageLimits.Default.MaxFileBytes)
            throw new ImageException(
                path,
                FormattableString.Invariant($"has {file.Length:N0} bytes; the limit is {ImageLimits.Default.MaxFileBytes:N0}. Leave it out of the list."));
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(
                path,
                e is FileNotFoundException or DirectoryNotFoundException
                    ? "does not exist. Check the data set's root folder and the list that names it."
                    : $"cannot be read: {e.Message}",
                e);
        }

        return file with { Content = Hash(bytes) };
    }

    private static UInt128 Hash(byte[] bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
