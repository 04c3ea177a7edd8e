using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

public class ElfRelaxTests
{
    [Fact]
    public void Both_needs_become_weak_and_wait_is_bound_to_the_older_version()
    {
        var image = ElfImage.LikeTorchSharp().ToArray();
        var original = image.ToArray();

        Assert.Equal(RelaxOutcome.Relaxed, ElfRelax.Relax(image));

        var changes = Enumerable.Range(0, image.Length).Where(i => image[i] != original[i]).Select(i => (original[i], image[i]));
        Assert.Equal([(29, 10), (0, 2), (0, 2)], changes.Select(change => ((int)change.Item1, (int)change.Item2)));
    }

    [Fact]
    public void A_relaxed_library_stays_as_it_is()
    {
        var image = ElfImage.LikeTorchSharp().ToArray();
        ElfRelax.Relax(image);
        var relaxed = image.ToArray();

        Assert.Equal(RelaxOutcome.AlreadyRelaxed, ElfRelax.Relax(image));
        Assert.Equal(relaxed, image);
    }

    [Fact]
    public void A_library_that_asks_for_older_versions_only_is_left_alone()
    {
        var image = new ElfImage().Needs("GLIBCXX_3.4.11", 2).Uses(ElfImage.Wait, 2).ToArray();
        Assert.Equal(RelaxOutcome.NotNeeded, ElfRelax.Relax(image));
    }

    [Fact]
    public void The_library_of_the_TorchSharp_package_is_relaxed_in_five_bytes_or_fewer_and_only_in_its_version_tables()
    {
        var image = File.ReadAllBytes(TorchSharpPackage.Library);
        var original = image.ToArray();

        Assert.Equal(RelaxOutcome.Relaxed, ElfRelax.Relax(image));

        var changed = Enumerable.Range(0, image.Length).Where(i => image[i] != original[i]).ToList();
        Assert.InRange(changed.Count, 3, 5);
        Assert.All(changed, at => Assert.InRange(at, 0x3dfae, 0x3f8f0 + 0x210)); // .gnu.version and .gnu.version_r, as readelf -S shows them
        Assert.Equal(RelaxOutcome.AlreadyRelaxed, ElfRelax.Relax(image));
    }

    [Fact]
    public void Another_symbol_of_a_version_to_be_dropped_is_refused_and_nothing_is_changed()
    {
        var image = ElfImage.LikeTorchSharp().Uses("_ZNSt7__cxx1112basic_stringIcE", 18).ToArray();
        var original = image.ToArray();

        var error = Assert.Throws<InvalidDataException>(() => ElfRelax.Relax(image));

        Assert.Equal("'_ZNSt7__cxx1112basic_stringIcE' uses GLIBCXX_3.4.32, which cannot be relaxed", error.Message);
        Assert.Equal(original, image);
    }

    [Fact]
    public void A_library_without_the_older_version_to_bind_to_is_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => ElfRelax.Relax(new ElfImage().Needs("GLIBCXX_3.4.30", 2).Uses(ElfImage.Wait, 2).ToArray()));
        Assert.Equal("it needs GLIBCXX_3.4.30 without needing GLIBCXX_3.4.11", error.Message);
    }

    [Theory]
    [InlineData("", "it is no ELF file")]
    [InlineData("MZ, and then whatever a Windows library has in its first sixty-four bytes or more", "it is no ELF file")]
    public void Another_kind_of_file_is_named(string content, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => ElfRelax.Relax(System.Text.Encoding.ASCII.GetBytes(content))).Message);

    [Fact]
    public void A_library_cut_at_any_place_is_an_error()
    {
        var whole = ElfImage.LikeTorchSharp().ToArray();
        for (var length = 0; length < whole.Length - 64; length++) // the last 64 bytes: padding of the last section header is never read
            Assert.Throws<InvalidDataException>(() => ElfRelax.Relax(whole[..length]));
    }

    [Fact]
    public void The_real_library_cut_at_any_place_of_its_headers_is_an_error()
    {
        var whole = File.ReadAllBytes(TorchSharpPackage.Library);
        foreach (var length in Enumerable.Range(0, 65).Concat([1000, 0x3dfae, 0x3f8f0, whole.Length / 2, whole.Length - 31 * 64, whole.Length - 1]))
            Assert.Throws<InvalidDataException>(() => ElfRelax.Relax(whole[..length]));
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x01)]
    [InlineData(0x80)]
    [InlineData(0xff)]
    public void Any_changed_byte_ends_in_a_result_or_in_an_error_that_names_it(byte value)
    {
        var whole = ElfImage.LikeTorchSharp().ToArray();
        for (var at = 0; at < whole.Length; at++)
            ResultOrError(whole, at, value);
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x7f)]
    [InlineData(0xff)]
    public void Any_changed_byte_in_the_headers_of_the_real_library_ends_in_a_result_or_in_an_error(byte value)
    {
        var whole = File.ReadAllBytes(TorchSharpPackage.Library);
        foreach (var at in Enumerable.Range(0, 64).Concat(Enumerable.Range(0x3f8f0, 0x60)).Concat(Enumerable.Range(whole.Length - 28 * 64, 5 * 64)))
            ResultOrError(whole, at, value);
    }

    private static void ResultOrError(byte[] whole, int at, byte value)
    {
        var image = whole.ToArray();
        image[at] = value;
        try
        {
            ElfRelax.Relax(image);
        }
        catch (InvalidDataException e)
        {
            Assert.NotEmpty(e.Message);
        }
    }
}
