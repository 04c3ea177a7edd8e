using System.Runtime.InteropServices;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Writes a file so that it is there whole or as it was before, whatever happens meanwhile.</summary>
internal static partial class AtomicFile
{
    /// <summary>Writes beside the destination, flushes to the disk, renames, and flushes the folder.</summary>
    /// <param name="path">Destination; replaced if it exists. Its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="CheckpointException">The file cannot be written; the destination is as it was.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full) ?? throw new CheckpointException(path, "this is no place for a file.");
        var temporary = Path.Combine(folder, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, Limits.Chunk))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception error) when (IoFault.Is(error))
        {
            Remove(temporary);
            throw new CheckpointException(path, $"the file cannot be written: {IoFault.Reason(error)}. What was there before is untouched.", innerException: error);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (IoFault.Is(error))
        {
            // The first error is the one to report.
        }
    }

    /// <summary>Flushes the names of a folder: without it a rename may be lost with the power.</summary>
    /// <remarks>.NET opens no folders, and Windows needs no such flush.</remarks>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = OpenFolder(folder, 0);
        if (descriptor < 0) return;
        _ = Sync(descriptor);
        _ = CloseFolder(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseFolder(int descriptor);
}
