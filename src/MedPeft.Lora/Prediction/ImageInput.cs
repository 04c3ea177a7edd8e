using System.IO.Enumeration;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

/// <summary>An image to be predicted: the name it goes by in the output, and where its pixels come from. Nothing is read before its turn.</summary>
public sealed class ImageInput
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".dcm", ".dicom"];

    private readonly Func<PixelImage> _read;

    private ImageInput(string name, Func<PixelImage> read) => (Name, _read) = (name, read);

    /// <summary>What the output calls it: never a path from the root of the disk, unless you say so.</summary>
    public string Name { get; }

    /// <summary>A file.</summary>
    /// <param name="path">A file that <see cref="ImageDecoder"/> reads.</param>
    /// <param name="name">What the output calls it; the file's name without folders if null.</param>
    public static ImageInput FromFile(string path, string? name = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new ImageInput(name ?? Path.GetFileName(path), () => ImageDecoder.Decode(path));
    }

    /// <summary>The bytes of a file, such as a service receives them.</summary>
    /// <param name="data">The whole file; do not change it before it is read.</param>
    /// <param name="name">What the output calls it.</param>
    public static ImageInput FromBytes(byte[] data, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(data);
        return new ImageInput(name, () => ImageDecoder.Decode(data, name));
    }

    /// <summary>Pixels that are decoded already.</summary>
    /// <param name="image">The pixels.</param>
    /// <param name="name">What the output calls it.</param>
    public static ImageInput FromPixels(PixelImage image, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(image);
        return new ImageInput(name, () => image);
    }

    /// <summary>The images of a folder, by name: .png, .jpg, .jpeg, .dcm, .dicom, and files without extension that begin as DICOM files do.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="recursive">Whether folders below it count; true unless given. Links to folders are not followed.</param>
    /// <returns>Each with its path below the folder as its name, with forward slashes.</returns>
    /// <exception cref="ImageException">There is no such folder.</exception>
    public static IReadOnlyList<ImageInput> FromFolder(string folder, bool recursive = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new ImageException(folder, "is no folder. Name a folder of images, or one file.");
        var options = new EnumerationOptions { RecurseSubdirectories = recursive, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System, IgnoreInaccessible = false };
        return
        [
            .. Files(folder, options).Where(IsImage)
                .Select(path => (Path: path, Name: Path.GetRelativePath(folder, path).Replace('\\', '/')))
                .OrderBy(file => file.Name, StringComparer.Ordinal)
                .Select(file => FromFile(file.Path, file.Name)),
        ];
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    internal PixelImage Read() => _read();

    // Links to folders may lead back up, round and round.
    private static FileSystemEnumerable<string> Files(string folder, EnumerationOptions options) => new(folder, (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(), options)
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory,
        ShouldRecursePredicate = (ref FileSystemEntry entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
    };

    private static bool IsImage(string path)
    {
        var extension = Path.GetExtension(path);
        if (Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase)) return true;
        // The files of a DICOMDIR, and those of many archives, are named by numbers alone.
        if (extension.Length > 0 && extension.AsSpan(1).ContainsAnyExceptInRange('0', '9')) return false;
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[132];
            return DicomFile.IsDicom(start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
