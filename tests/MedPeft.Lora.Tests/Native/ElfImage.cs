using System.Text;

namespace MedPeft.Lora.Tests.Native;

/// <summary>The smallest ELF library with version needs: header, .dynstr, .dynsym, .gnu.version, .gnu.version_r, section headers.</summary>
internal sealed class ElfImage
{
    public const string Marker = "_ZSt21ios_base_library_initv", Wait = "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE";

    private readonly List<(string Name, ushort Number)> _versions = [];
    private readonly List<(string Name, ushort Version)> _symbols = [];

    /// <summary>What TorchSharp 0.107.0 has, and one symbol that nothing is done to.</summary>
    public static ElfImage LikeTorchSharp() => new ElfImage()
        .Needs("GLIBCXX_3.4", 2).Needs("GLIBCXX_3.4.11", 10).Needs("GLIBCXX_3.4.32", 18).Needs("GLIBCXX_3.4.30", 29)
        .Uses("_ZNSolsEi", 2).Uses(Marker, 18).Uses(Wait, 29);

    public ElfImage Needs(string version, ushort number)
    {
        _versions.Add((version, number));
        return this;
    }

    public ElfImage Uses(string symbol, ushort version)
    {
        _symbols.Add((symbol, version));
        return this;
    }

    public byte[] ToArray()
    {
        var names = new MemoryStream();
        names.WriteByte(0);
        uint Name(string text)
        {
            var at = (uint)names.Position;
            names.Write(Encoding.ASCII.GetBytes(text + "\0"));
            return at;
        }

        byte[] Write(Action<BinaryWriter> write)
        {
            var stream = new MemoryStream();
            using var writer = new BinaryWriter(stream);
            write(writer);
            return stream.ToArray();
        }

        var symbols = Write(w =>
        {
            w.Write(new byte[24]);
            foreach (var (name, _) in _symbols)
            {
                w.Write(Name(name));
                w.Write(new byte[20]);
            }
        });
        var versions = Write(w =>
        {
            w.Write((ushort)0);
            foreach (var (_, version) in _symbols) w.Write(version);
        });
        var needs = Write(w =>
        {
            w.Write((ushort)1);
            w.Write((ushort)_versions.Count);
            w.Write(Name("libstdc++.so.6"));
            w.Write(16u);
            w.Write(0u);
            foreach (var (name, number) in _versions)
            {
                w.Write(0u);
                w.Write((ushort)0);
                w.Write(number);
                w.Write(Name(name));
                w.Write(name == _versions[^1].Name ? 0u : 16u);
            }
        });
        return Assemble((3, names.ToArray(), 0), (11, symbols, 1), (0x6fffffff, versions, 2), (0x6ffffffe, needs, 1));
    }

    private static byte[] Assemble(params (uint Type, byte[] Content, uint Link)[] sections)
    {
        var file = new MemoryStream();
        using var w = new BinaryWriter(file);
        w.Write([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        w.Write((ushort)3);
        w.Write((ushort)62);
        w.Write(1u);
        w.Write(0L);
        w.Write(0L);
        w.Write(64L + sections.Sum(section => section.Content.Length));
        w.Write(0u);
        foreach (var field in new ushort[] { 64, 56, 0, 64, (ushort)(sections.Length + 1), 0 }) w.Write(field);
        foreach (var section in sections) w.Write(section.Content);
        w.Write(new byte[64]);
        var start = 64L;
        foreach (var (type, content, link) in sections)
        {
            w.Write(0u);
            w.Write(type);
            w.Write(0L);
            w.Write(0L);
            w.Write(start);
            w.Write((long)content.Length);
            w.Write(link);
            w.Write(new byte[20]);
            start += content.Length;
        }

        return file.ToArray();
    }
}
