using System.Text;

namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>Replaces several files of a folder at once: at every moment, a crash included, a reader finds all the old ones or all the new ones.</summary>
/// <remarks>
/// The new files are written beside the old ones and flushed; then a note that lists them appears by one rename, and from here on they count,
/// whatever their names still are. Renaming them and deleting the note is only tidying up. Other files of the folder are left alone.
/// </remarks>
internal sealed class FolderCommit
{
    private const string Note = ".medpeft-commit";
    private const string Title = "medpeft-commit 1";

    private readonly string _folder;
    private readonly IReadOnlyList<(string Name, Action<Stream> Write)> _files;
    private readonly Action<Func<string, string>>? _check;
    private readonly string _token = Guid.NewGuid().ToString("N");
    private bool _made, _committed;

    public FolderCommit(string folder, IReadOnlyList<(string Name, Action<Stream> Write)> files, Action<Func<string, string>>? check = null) =>
        (_folder, _files, _check) = (folder, files, check);

    /// <summary>Writes all files or none.</summary>
    /// <param name="folder">Made if it is not there; its parent must be.</param>
    /// <param name="files">Names and contents.</param>
    /// <param name="check">Reads what was written, found under the path that it asks for by name; what it throws leaves the old files in force.</param>
    /// <exception cref="CheckpointException">The files cannot be written.</exception>
    public static void Write(string folder, IReadOnlyList<(string Name, Action<Stream> Write)> files, Action<Func<string, string>>? check = null)
    {
        if (File.Exists(folder)) throw new CheckpointException(folder, "there is a file of this name, and an adapter is a folder. Choose another name, or delete the file.");
        var commit = new FolderCommit(folder, files, check);
        try
        {
            foreach (var _ in commit.Steps()) { }
        }
        catch (Exception error) when (commit._committed && IoFault.Is(error))
        {
            throw new CheckpointException(folder, $"the adapter is written and counts, but its files could not all be renamed: {IoFault.Reason(error)}. The next save does it.", innerException: error);
        }
        catch (Exception error)
        {
            commit.Discard();
            if (!IoFault.Is(error)) throw;
            throw new CheckpointException(folder, $"the adapter cannot be written: {IoFault.Reason(error)}. What was there before is untouched.", innerException: error);
        }
    }

    /// <summary>Where a file of the folder is to be read: under its name, or under the one that it was written as if the last commit was cut off.</summary>
    public static string Current(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        return Pending(folder) is { } pending && pending.Files.Contains(name) && Path.Combine(folder, Temporary(name, pending.Token)) is var written && File.Exists(written) ? written : path;
    }

    /// <summary>The work, one step at a time; what was done up to any of them is what a crash there leaves.</summary>
    internal IEnumerable<string> Steps()
    {
        if (!Directory.Exists(_folder))
        {
            Directory.CreateDirectory(_folder);
            _made = true;
            yield return "made the folder";
        }
        if (Pending(_folder) is { } earlier)
            foreach (var step in Finish(earlier.Token, earlier.Files))
                yield return $"finished an earlier commit: {step}";
        foreach (var (name, write) in _files)
        {
            using (var stream = new FileStream(Written(name), FileMode.CreateNew, FileAccess.Write, FileShare.None, Limits.Chunk))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            yield return $"wrote {name}";
        }
        _check?.Invoke(Written);
        yield return "checked";
        using (var note = new FileStream(Written(Note), FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            note.Write(Encoding.UTF8.GetBytes(string.Join('\n', [Title, _token, .. _files.Select(file => file.Name)])));
            note.Flush(flushToDisk: true);
        }
        AtomicFile.FlushFolder(_folder);
        File.Move(Written(Note), Path.Combine(_folder, Note), overwrite: true);
        _committed = true;
        AtomicFile.FlushFolder(_folder);
        yield return "committed";
        foreach (var step in Finish(_token, [.. _files.Select(file => file.Name)])) yield return step;
        foreach (var stale in _files.Select(file => file.Name).Append(Note).SelectMany(name => Directory.EnumerateFiles(_folder, Temporary(name, "*"))).ToList()) File.Delete(stale); // of saves that were cut off
        AtomicFile.FlushFolder(_folder);
        yield return "tidied up";
    }

    private IEnumerable<string> Finish(string token, IReadOnlyList<string> files)
    {
        foreach (var name in files)
        {
            var written = Path.Combine(_folder, Temporary(name, token));
            if (!File.Exists(written)) continue; // renamed before the crash
            File.Move(written, Path.Combine(_folder, name), overwrite: true);
            yield return $"renamed {name}";
        }
        AtomicFile.FlushFolder(_folder);
        File.Delete(Path.Combine(_folder, Note));
        yield return "deleted the note";
    }

    private void Discard()
    {
        try
        {
            foreach (var name in _files.Select(file => file.Name).Append(Note)) File.Delete(Written(name));
            if (_made) Directory.Delete(_folder);
        }
        catch (Exception error) when (IoFault.Is(error))
        {
            // The first error is the one to report.
        }
    }

    private string Written(string name) => Path.Combine(_folder, Temporary(name, _token));

    private static string Temporary(string name, string token) => $".{name}.{token}.tmp";

    private static (string Token, IReadOnlyList<string> Files)? Pending(string folder)
    {
        var path = Path.Combine(folder, Note);
        if (!File.Exists(path)) return null;
        try
        {
            var lines = new FileInfo(path).Length <= 4096 ? File.ReadAllLines(path) : [];
            // Names only: a note from elsewhere must not lead out of the folder.
            if (lines is [Title, { Length: 32 } token, _, ..] && token.All(char.IsAsciiHexDigit) && lines[2..] is var files && files.All(name => name == Path.GetFileName(name) && name.Length > 0))
                return (token, files);
        }
        catch (Exception error) when (IoFault.Is(error))
        {
            throw new CheckpointException(path, $"the file cannot be read: {IoFault.Reason(error)}.", innerException: error);
        }
        throw new CheckpointException(path, "this note of an unfinished save is damaged. Delete it: the files of the folder are then taken as they are.");
    }
}
