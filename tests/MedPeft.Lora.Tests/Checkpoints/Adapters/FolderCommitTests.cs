using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora.Tests.Checkpoints.Adapters;

/// <summary>At every moment a reader finds all the old files or all the new ones.</summary>
public sealed class FolderCommitTests : IDisposable
{
    private static readonly string[] Names = ["a.bin", "b.json", "c.json"];

    private readonly TempFolder _temp = new();

    private string Folder => _temp.File("adapter");

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_crash_after_any_step_leaves_all_old_or_all_new_files_and_the_next_save_works()
    {
        var seen = new List<string>();
        for (var crash = 0; ; crash++)
        {
            var folder = _temp.File($"crash{crash}");
            FolderCommit.Write(folder, Files("old"));
            File.WriteAllText(Path.Combine(folder, "README.md"), "mine");
            var steps = new FolderCommit(folder, Files("new")).Steps().GetEnumerator();
            var done = 0;
            while (done < crash && steps.MoveNext()) done++;
            if (done < crash) break; // the steps end: nothing more to cut off
            if (crash > 0) seen.Add(steps.Current);

            var state = Read(folder);
            Assert.Equal(seen.Contains("committed") ? "new" : "old", state);
            FolderCommit.Write(folder, Files("later"));
            Assert.Equal("later", Read(folder));
            Assert.Equal(["README.md", .. Names], Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)!).Order());
        }
        Assert.Equal(["wrote a.bin", "wrote b.json", "wrote c.json", "checked", "committed", "renamed a.bin", "renamed b.json", "renamed c.json", "deleted the note", "tidied up"], seen);
    }

    [Fact]
    public void An_error_in_any_file_or_in_the_check_leaves_nothing_of_the_new_ones()
    {
        FolderCommit.Write(Folder, Files("old"));
        foreach (var failing in Names)
        {
            var error = Assert.Throws<CheckpointException>(() => FolderCommit.Write(Folder,
                [.. Names.Select(name => (name, (Action<Stream>)(stream => stream.Write(name == failing ? throw new IOException("no space", 28) : "new"u8))))]));
            Assert.Equal("'adapter': the adapter cannot be written: No space left on device. What was there before is untouched.", error.Message);
            Unchanged();
        }
        Assert.Throws<InvalidOperationException>(() => FolderCommit.Write(Folder, Files("new"), _ => throw new InvalidOperationException()));
        Unchanged();
        Assert.Throws<InvalidOperationException>(() => FolderCommit.Write(_temp.File("never"), Files("new"), _ => throw new InvalidOperationException()));
        Assert.False(Directory.Exists(_temp.File("never")));

        void Unchanged()
        {
            Assert.Equal("old", Read(Folder));
            Assert.Equal(Names, Directory.EnumerateFileSystemEntries(Folder).Select(path => Path.GetFileName(path)!).Order());
        }
    }

    [SmallDiskFact]
    public void A_full_disk_leaves_the_old_files()
    {
        using var disk = SmallDisk.Mount(1 << 20);
        var folder = Path.Combine(disk.Path, "adapter");
        FolderCommit.Write(folder, Files("old"));
        var error = Assert.Throws<CheckpointException>(() => FolderCommit.Write(folder, [("a.bin", stream => stream.Write(new byte[2 << 20])), .. Files("new").Skip(1)]));
        Assert.Equal("'adapter': the adapter cannot be written: No space left on device. What was there before is untouched.", error.Message);
        Assert.Equal("old", Read(folder));
        Assert.Equal(Names, Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)!).Order());
    }

    [Fact]
    public void A_file_in_the_place_of_the_folder_and_a_damaged_note_are_named()
    {
        _temp.File("adapter", [1]);
        Assert.Equal("'adapter': there is a file of this name, and an adapter is a folder. Choose another name, or delete the file.", Assert.Throws<CheckpointException>(() => FolderCommit.Write(Folder, Files("new"))).Message);
        File.Delete(Folder);
        FolderCommit.Write(Folder, Files("old"));
        foreach (var note in new[] { "", "medpeft-commit 1\n../../../../etc/passwd/xxxxxxxxxxxx\na.bin", $"medpeft-commit 1\n{new string('a', 32)}\n../a.bin", new string('x', 5000) })
        {
            File.WriteAllText(Path.Combine(Folder, ".medpeft-commit"), note);
            Assert.Equal("'.medpeft-commit': this note of an unfinished save is damaged. Delete it: the files of the folder are then taken as they are.",
                Assert.Throws<CheckpointException>(() => FolderCommit.Current(Folder, "a.bin")).Message);
        }
    }

    private static IReadOnlyList<(string, Action<Stream>)> Files(string content) => [.. Names.Select(name => (name, (Action<Stream>)(stream => stream.Write(Encoding.ASCII.GetBytes(content)))))];

    private static string Read(string folder) => Assert.Single(Names.Select(name => File.ReadAllText(FolderCommit.Current(folder, name))).Distinct());
}
