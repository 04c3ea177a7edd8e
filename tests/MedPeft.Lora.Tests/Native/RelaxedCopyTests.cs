using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

public sealed class RelaxedCopyTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("medpeft-copy-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_copy_is_written_once_and_the_original_keeps_its_bytes()
    {
        var original = Library(ElfImage.LikeTorchSharp().ToArray());
        var cache = Path.Combine(_root, "cache");

        var copy = RelaxedCopy.Of(original, cache);
        var written = File.GetLastWriteTimeUtc(copy);

        Assert.StartsWith(cache, copy, StringComparison.Ordinal);
        Assert.Equal(RelaxOutcome.AlreadyRelaxed, ElfRelax.Relax(File.ReadAllBytes(copy)));
        Assert.Equal(ElfImage.LikeTorchSharp().ToArray(), File.ReadAllBytes(original));
        Assert.Equal(copy, RelaxedCopy.Of(original, cache));
        Assert.Equal(written, File.GetLastWriteTimeUtc(copy));
        Assert.Equal([copy], Directory.GetFiles(cache, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_copy_that_was_cut_short_is_written_again()
    {
        var original = Library(ElfImage.LikeTorchSharp().ToArray());
        var copy = RelaxedCopy.Of(original, _root);
        var whole = File.ReadAllBytes(copy);
        File.WriteAllBytes(copy, whole[..100]);

        Assert.Equal(copy, RelaxedCopy.Of(original, _root));
        Assert.Equal(whole, File.ReadAllBytes(copy));
    }

    [Fact]
    public void A_library_relaxed_by_the_build_is_used_where_it_lies()
    {
        var image = ElfImage.LikeTorchSharp().ToArray();
        ElfRelax.Relax(image);
        var original = Library(image);
        Assert.Equal(original, RelaxedCopy.Of(original, Path.Combine(_root, "cache")));
        Assert.False(Directory.Exists(Path.Combine(_root, "cache")));
    }

    [Fact]
    public void A_cache_that_cannot_be_written_is_named_with_the_variable_to_set()
    {
        var original = Library(ElfImage.LikeTorchSharp().ToArray());
        var cache = Path.Combine(original, "below-a-file");
        var error = Assert.Throws<TorchRuntimeException>(() => RelaxedCopy.Of(original, cache));
        Assert.StartsWith($"This system's libstdc++ is too old for TorchSharp as shipped, and the relaxed copy of it cannot be written to '{cache}", error.Message, StringComparison.Ordinal);
        Assert.EndsWith(" Name a writable folder in MEDPEFT_CACHE.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_file_than_TorchSharps_is_refused_with_the_reason()
    {
        var original = Library([1, 2, 3]);
        var error = Assert.Throws<TorchRuntimeException>(() => RelaxedCopy.Of(original, _root));
        Assert.Equal(
            $"'{original}' asks for a newer libstdc++ than this system has and cannot be relaxed: it is no ELF file. Use TorchSharp 0.107.0, or a system with the libstdc++ of GCC 13.",
            error.Message);
    }

    private string Library(byte[] content)
    {
        var path = Path.Combine(_root, "libLibTorchSharp.so");
        File.WriteAllBytes(path, content);
        return path;
    }
}
