using System.Text;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Tests.Checkpoints;

/// <summary>Writes zip archives, right ones and wrong ones.</summary>
internal sealed class ZipBuilder
{
    private readonly List<Entry> entries = [];

    public sealed record Entry(string Name, byte[] Data)
    {
        public string LocalName { get; init; } = Name;
        public uint? Crc { get; init; }
        public long? Size { get; init; }
        public int Method { get; init; }
        public int Flags { get; init; } = 0x808;
        public int Align { get; init; } = 1;
        public int? At { get; init; }
    }

    public ZipBuilder Add(string name, byte[] data, Func<Entry, Entry>? change = null)
    {
        var entry = new Entry(name, data);
        entries.Add(change?.Invoke(entry) ?? entry);
        return this;
    }

    public byte[] Build(bool zip64 = false, byte[]? tail = null)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        var starts = new List<long>();
        foreach (var entry in entries)
        {
            starts.Add(entry.At ?? stream.Position);
            if (entry.At is not null) continue;
            var name = Encoding.UTF8.GetBytes(entry.LocalName);
            var padding = (entry.Align - (int)((stream.Position + 30 + name.Length + 4) % entry.Align)) % entry.Align;
            Write(writer, 0x04034b50u, (ushort)0, (ushort)entry.Flags, (ushort)entry.Method, 0u, 0u, 0u, 0u, (ushort)name.Length, (ushort)(4 + padding));
            writer.Write(name);
            Write(writer, (ushort)0x4246, (ushort)padding);
            writer.Write(new byte[padding]);
            writer.Write(entry.Data);
            Write(writer, 0x08074b50u, Crc(entry), (uint)entry.Data.Length, (uint)entry.Data.Length);
        }

        var directory = stream.Position;
        foreach (var (entry, start) in entries.Zip(starts))
        {
            var name = Encoding.UTF8.GetBytes(entry.Name);
            var size = entry.Size ?? entry.Data.Length;
            Write(writer, 0x02014b50u, (ushort)0, (ushort)0, (ushort)entry.Flags, (ushort)entry.Method, 0u, Crc(entry), zip64 ? uint.MaxValue : (uint)size, zip64 ? uint.MaxValue : (uint)size,
                (ushort)name.Length, (ushort)(zip64 ? 28 : 0), (ushort)0, (ushort)0, (ushort)0, 0u, zip64 ? uint.MaxValue : (uint)start);
            writer.Write(name);
            if (zip64) Write(writer, (ushort)1, (ushort)24, size, size, start);
        }

        var end = stream.Position;
        if (zip64)
        {
            Write(writer, 0x06064b50u, 44L, (ushort)45, (ushort)45, 0u, 0u, (long)entries.Count, (long)entries.Count, end - directory, directory);
            Write(writer, 0x07064b50u, 0u, end, 1u);
        }

        Write(writer, 0x06054b50u, 0u, (ushort)(zip64 ? 0xFFFF : entries.Count), (ushort)(zip64 ? 0xFFFF : entries.Count), zip64 ? uint.MaxValue : (uint)(end - directory), zip64 ? uint.MaxValue : (uint)directory, (ushort)0);
        writer.Write(tail ?? []);
        writer.Flush();
        return stream.ToArray();
    }

    private static uint Crc(Entry entry)
    {
        if (entry.Crc is { } given) return given;
        var crc = new Crc32();
        crc.Append(entry.Data);
        return crc.Value;
    }

    private static void Write(BinaryWriter writer, params object[] values)
    {
        foreach (var value in values)
        {
            if (value is ushort two) writer.Write(two);
            else if (value is uint four) writer.Write(four);
            else writer.Write((long)value);
        }
    }
}
