using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>What identifies an image file: its path, length and time of change without reading it, and its content where it was read.</summary>
/// <param name="PathKey">The hash of the full path, and of how a DICOM file there is rendered.</param>
/// <param name="Length">Bytes; -1 if there is no such file.</param>
/// <param name="Time">The time of the last change, in ticks of UTC.</param>
/// <param name="Content">The hash of the bytes, and of how they are rendered if they are a DICOM file; null if they were not read.</param>
internal sealed record SourceFile(UInt128 PathKey, long Length, long Time, UInt128? Content)
{
    public bool Exists => Length >= 0;

    /// <summary>Looks at a file without reading it.</summary>
    public static SourceFile Look(ImageRecord record)
    {
        var file = new FileInfo(record.Path);
        // A path cannot hold a NUL, so no path reads as another one with a way to render it.
        var rendering = record.Dicom is null || record.Dicom == DicomOptions.Default ? "" : "\0" + record.Dicom.Key;
        var key = Hash(Encoding.UTF8.GetBytes(Path.GetFullPath(record.Path) + rendering), []);
        return file.Exists ? new SourceFile(key, file.Length, file.LastWriteTimeUtc.Ticks, null) : new SourceFile(key, -1, 0, null);
    }

    /// <summary>Reads a file.</summary>
    public static SourceFile Read(ImageRecord record, out byte[] bytes)
    {
        // Looked at before it is read: a change in between is then noticed the next time.
        var path = record.Path;
        var file = Look(record);
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

        return file with { Content = Hash(bytes, DicomFile.IsDicom(bytes) ? Encoding.UTF8.GetBytes((record.Dicom ?? DicomOptions.Default).Key) : []) };
    }

    private static UInt128 Hash(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> rendering)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(bytes);
        sha.AppendData(rendering);
        sha.GetHashAndReset(hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
