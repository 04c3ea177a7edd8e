// Compiled twice: into MedPeft.Lora (MEDPEFT_LIBRARY is defined; TorchRuntime uses it), and by MSBuild's inline task factory in
// every project that builds with the package. The factory offers .NET Standard 2.0 only: no spans, no newer library calls here.
#nullable enable
#if !MEDPEFT_LIBRARY
using System;
using System.Collections.Generic;
using System.IO;
#endif
using System.Text;

namespace MedPeft.Lora.Native;

/// <summary>What the library asked of libstdc++, and what became of it.</summary>
internal enum RelaxOutcome
{
    /// <summary>It asks for no version that older systems lack.</summary>
    NotNeeded,

    /// <summary>An earlier run relaxed it already.</summary>
    AlreadyRelaxed,

    /// <summary>It asked for too much; the bytes were changed.</summary>
    Relaxed,
}

/// <summary>Lets TorchSharp's native library load where libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04, RHEL 9).</summary>
/// <remarks>
/// The library asks for GLIBCXX_3.4.32 and GLIBCXX_3.4.30, yet uses one symbol of each: a marker without code, and
/// condition_variable::wait, which every libstdc++ also exports as GLIBCXX_3.4.11. So both needs become weak (the loader then
/// does without), and wait is bound to the older version. Version tables change, code does not. Where another symbol uses one
/// of the two versions the file is not the one this was written for, and is refused.
/// </remarks>
internal static class ElfRelax
{
    private const string MarkerVersion = "GLIBCXX_3.4.32";
    private const string MarkerSymbol = "_ZSt21ios_base_library_initv";
    private const string WaitVersion = "GLIBCXX_3.4.30";
    private const string WaitSymbol = "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE";
    private const string OlderWaitVersion = "GLIBCXX_3.4.11";

    private const uint DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, SymbolVersions = 0x6fffffff;
    private const int SectionHeader = 64, Symbol = 24;
    private const byte WeakFlag = 2;

    /// <summary>Changes the image in place. Nothing is changed when the result is an exception.</summary>
    /// <exception cref="InvalidDataException">Not an ELF library of the expected form; the message says what was found.</exception>
    public static RelaxOutcome Relax(byte[] image)
    {
        var elf = new ElfReader(image);
        var needs = ReadNeeds(elf);
        var hasMarker = needs.TryGetValue(MarkerVersion, out var marker);
        var hasWait = needs.TryGetValue(WaitVersion, out var wait);
        if (!hasMarker && !hasWait) return RelaxOutcome.NotNeeded;
        if (hasWait && !needs.ContainsKey(OlderWaitVersion)) throw new InvalidDataException("it needs " + WaitVersion + " without needing " + OlderWaitVersion);

        var rebind = FindUses(elf, hasMarker ? marker.Index : 0, hasWait ? wait.Index : 0);
        var changed = false;
        if (hasMarker) changed |= MakeWeak(image, marker.FlagsAt);
        if (hasWait) changed |= MakeWeak(image, wait.FlagsAt);
        foreach (var at in rebind)
        {
            var older = needs[OlderWaitVersion].Index;
            image[at] = (byte)older;
            image[at + 1] = (byte)(older >> 8);
            changed = true;
        }

        return changed ? RelaxOutcome.Relaxed : RelaxOutcome.AlreadyRelaxed;
    }

    private static bool MakeWeak(byte[] image, int flagsAt)
    {
        if ((image[flagsAt] & WeakFlag) != 0) return false;
        image[flagsAt] |= WeakFlag;
        return true;
    }

    /// <summary>The versions needed of libstdc++: name to number (as .gnu.version uses it) and place of the flags.</summary>
    private static Dictionary<string, VersionNeed> ReadNeeds(ElfReader elf)
    {
        var section = elf.Find(VersionNeeds, ".gnu.version_r");
        var names = elf.Find(section.Link, ".dynstr");
        var needs = new Dictionary<string, VersionNeed>(StringComparer.Ordinal);
        for (long file = 0; ;)
        {
            // Elfxx_Verneed: u16 version, u16 count, u32 file name, u32 first entry, u32 next file.
            var ofLibstdcxx = elf.Text(names, elf.U32(section, file + 4)).StartsWith("libstdc++.so", StringComparison.Ordinal);
            var entry = file + elf.U32(section, file + 8);
            for (int left = elf.U16(section, file + 2); left > 0; left--)
            {
                // Elfxx_Vernaux: u32 hash, u16 flags, u16 version number, u32 name, u32 next entry.
                var name = elf.Text(names, elf.U32(section, entry + 8));
                var number = elf.U16(section, entry + 6);
                if (ofLibstdcxx) needs[name] = new VersionNeed(number, section.At(entry + 4, 2));
                var next = elf.U32(section, entry + 12);
                if (next == 0) break;
                entry += next;
            }

            var nextFile = elf.U32(section, file + 12);
            if (nextFile == 0) break;
            file += nextFile;
        }

        if (needs.Count == 0) throw new InvalidDataException("it needs no version of libstdc++.so");
        return needs;
    }

    /// <summary>Where .gnu.version binds condition_variable::wait to the newer version.</summary>
    private static List<int> FindUses(ElfReader elf, int markerVersion, int waitVersion)
    {
        var symbols = elf.Find(DynamicSymbols, ".dynsym");
        var names = elf.Find(symbols.Link, ".dynstr");
        var versions = elf.Find(SymbolVersions, ".gnu.version");
        var found = new List<int>();
        for (long i = 1, count = symbols.Size / Symbol; i < count; i++)
        {
            var version = elf.U16(versions, i * 2) & 0x7fff;
            if (version < 2 || (version != markerVersion && version != waitVersion)) continue;
            var name = elf.Text(names, elf.U32(symbols, i * Symbol));
            if (version == markerVersion && name == MarkerSymbol) continue;
            if (version != waitVersion || name != WaitSymbol)
                throw new InvalidDataException("'" + name + "' uses " + (version == markerVersion ? MarkerVersion : WaitVersion) + ", which cannot be relaxed");
            found.Add(versions.At(i * 2, 2));
        }

        return found;
    }

    private readonly struct VersionNeed
    {
        public VersionNeed(int index, int flagsAt)
        {
            Index = index;
            FlagsAt = flagsAt;
        }

        public int Index { get; }

        public int FlagsAt { get; }
    }

    /// <summary>Reads a little-endian 64-bit ELF library by its section headers; every offset is checked against its section.</summary>
    private sealed class ElfReader
    {
        private readonly byte[] _image;
        private readonly ElfSection _headers;
        private readonly int _count;

        public ElfReader(byte[] image)
        {
            _image = image;
            var header = new ElfSection("the ELF header", 0, 64, 0);
            if (image.Length < 64 || image[0] != 0x7f || image[1] != 'E' || image[2] != 'L' || image[3] != 'F') throw new InvalidDataException("it is no ELF file");
            if (image[4] != 2 || image[5] != 1) throw new InvalidDataException("it is no 64-bit little-endian ELF file");
            if (U16(header, 0x10) != 3) throw new InvalidDataException("it is no shared library");
            if (U16(header, 0x3A) != SectionHeader) throw new InvalidDataException("its section headers have an unknown size");
            _count = U16(header, 0x3C);
            _headers = Checked("the section headers", I64(header, 0x28), (long)_count * SectionHeader, 0);
        }

        public ElfSection Find(uint type, string name)
        {
            for (uint i = 0; i < _count; i++)
                if (U32(_headers, i * SectionHeader + 4) == type)
                    return Find((int)i, name);
            throw new InvalidDataException("it has no section " + name);
        }

        public ElfSection Find(int index, string name)
        {
            var at = (long)index * SectionHeader;
            return Checked(name, I64(_headers, at + 24), I64(_headers, at + 32), (int)U32(_headers, at + 40));
        }

        public ushort U16(ElfSection section, long offset) => BitConverter.ToUInt16(_image, section.At(offset, 2));

        public uint U32(ElfSection section, long offset) => BitConverter.ToUInt32(_image, section.At(offset, 4));

        public string Text(ElfSection section, long offset)
        {
            var start = section.At(offset, 1);
            var end = Array.IndexOf(_image, (byte)0, start, section.Start + section.Size - start);
            if (end < 0) throw new InvalidDataException("a name in " + section.Name + " has no end");
            return Encoding.ASCII.GetString(_image, start, end - start);
        }

        private long I64(ElfSection section, long offset) => BitConverter.ToInt64(_image, section.At(offset, 8));

        private ElfSection Checked(string name, long start, long size, int link)
        {
            if (start < 0 || size < 0 || start > _image.Length || size > _image.Length - start) throw new InvalidDataException(name + " leaves the file");
            return new ElfSection(name, (int)start, (int)size, link);
        }
    }

    private sealed class ElfSection
    {
        public ElfSection(string name, int start, int size, int link)
        {
            Name = name;
            Start = start;
            Size = size;
            Link = link;
        }

        public string Name { get; }

        public int Start { get; }

        public int Size { get; }

        public int Link { get; }

        /// <summary>The place in the file of <paramref name="length"/> bytes at an offset in a section.</summary>
        public int At(long offset, int length)
        {
            if (offset < 0 || offset > Size - length) throw new InvalidDataException("an offset leaves " + Name);
            return Start + (int)offset;
        }
    }
}

#if !MEDPEFT_LIBRARY
/// <summary>The build task of MedPeft.Lora.targets: writes a relaxed copy of Source to Destination.</summary>
public sealed class MedPeftRelaxTorchSharp : Microsoft.Build.Utilities.Task
{
    [Microsoft.Build.Framework.Required]
    public string Source { get; set; } = "";

    [Microsoft.Build.Framework.Required]
    public string Destination { get; set; } = "";

    public override bool Execute()
    {
        var image = File.ReadAllBytes(Source);
        string? refused = null;
        try
        {
            if (ElfRelax.Relax(image) == RelaxOutcome.Relaxed)
                Log.LogMessage(Microsoft.Build.Framework.MessageImportance.High, "MedPeft.Lora: a copy of libLibTorchSharp.so was relaxed to load with older versions of libstdc++.");
        }
        catch (InvalidDataException e)
        {
            refused = e.Message;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        File.WriteAllBytes(Destination + ".tmp", image);
        if (refused != null)
        {
            Log.LogWarning(null, "MEDPEFT001", null, Source, 0, 0, 0, 0, "MedPeft.Lora cannot relax this file, which is used as it is and loads only with the libstdc++ of GCC 13 or newer: {0}. Set MedPeftRelaxTorchSharp to false to leave it alone.", refused);
            File.SetLastWriteTimeUtc(Destination + ".tmp", new DateTime(1990, 1, 1, 0, 0, 0, DateTimeKind.Utc)); // never up to date: the next build warns again
        }

        File.Delete(Destination);
        File.Move(Destination + ".tmp", Destination);
        return true;
    }
}
#endif
